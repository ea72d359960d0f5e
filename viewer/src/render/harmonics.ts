/**
 * `vec3 shade(int first, int degree, vec3 d)`: colour of a splat whose coefficients start at texel `first` of `sh`, seen along
 * the unit vector `d`; not below 0. The basis is 3DGS's, in the order of `gscompress.render.reference.harmonics`.
 */
export const HARMONICS = `
uniform sampler2D sh;

vec3 coefficient(int texel) {
  return texelFetch(sh, ivec2(texel & (rowWidth - 1), texel >> rowBits), 0).rgb;
}

vec3 shade(int first, int degree, vec3 d) {
  vec3 sum = 0.5 + 0.28209479177387814 * coefficient(first);
  if (degree >= 1) {
    sum += 0.4886025119029199 * (d.z * coefficient(first + 2) - d.y * coefficient(first + 1) - d.x * coefficient(first + 3));
  }
  vec3 dd = d * d;
  if (degree >= 2) {
    sum += 1.0925484305920792 * (d.x * d.y * coefficient(first + 4) - d.y * d.z * coefficient(first + 5)
                                 - d.x * d.z * coefficient(first + 7));
    sum += 0.31539156525252005 * (3.0 * dd.z - 1.0) * coefficient(first + 6);
    sum += 0.5462742152960396 * (dd.x - dd.y) * coefficient(first + 8);
  }
  if (degree >= 3) {
    sum += -0.5900435899266435 * d.y * (3.0 * dd.x - dd.y) * coefficient(first + 9);
    sum += 2.890611442640554 * d.x * d.y * d.z * coefficient(first + 10);
    sum += -0.4570457994644658 * d.y * (5.0 * dd.z - 1.0) * coefficient(first + 11);
    sum += 0.3731763325901154 * d.z * (5.0 * dd.z - 3.0) * coefficient(first + 12);
    sum += -0.4570457994644658 * d.x * (5.0 * dd.z - 1.0) * coefficient(first + 13);
    sum += 1.445305721320277 * d.z * (dd.x - dd.y) * coefficient(first + 14);
    sum += -0.5900435899266435 * d.x * (dd.x - 3.0 * dd.y) * coefficient(first + 15);
  }
  return max(sum, 0.0);
}
`;
