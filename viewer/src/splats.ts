/** Plain splats in the stored (not activated) domain, as `gscompress.Scene` holds them; N Gaussians. */
export interface Splats {
  count: number;
  /** 0 to 3. */
  shDegree: number;
  /** Of the antialiased ("mip") rasteriser. */
  antialiased: boolean;
  /** [N, 3], world units. */
  means: Float32Array;
  /** [N, 4], wxyz of any non-zero length. */
  quats: Float32Array;
  /** [N, 3], natural logarithms of standard deviations in world units. */
  logScales: Float32Array;
  /** [N]; opacity is their logistic function. */
  opacityLogits: Float32Array;
  /** [N, K, 3], K = (shDegree + 1)^2; the constant term first. */
  sh: Float32Array;
}
