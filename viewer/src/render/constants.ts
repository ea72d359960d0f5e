/** Constants of the image formation: those of `gscompress.render`, which are gsplat's. */

/** Splats nearer than this to the camera's plane, in world units, are not drawn. */
export const NEAR = 0.01;
export const FAR = 1e10;

/** Added to the variances in the image, px². */
export const DILATION = 0.3;

/** A splat leaves a pixel alone below this opacity. */
export const MIN_ALPHA = 1 / 255;
export const MAX_ALPHA = 0.999;

/** A pixel takes no more splats once less than this part of what lies behind would be seen. */
export const MIN_TRANSMITTANCE = 1e-4;

/** The Jacobian is taken at most this part of the image's size outside of it. */
export const MARGIN = 0.15;
