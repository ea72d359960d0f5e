"""Gaussians in the one form that the codec stores: axes sorted by length, opacity and scales in octaves, rotated colour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..scene import Scene

COLOR_AXES = np.array(
    [
        [0.57735026918962576, 0.57735026918962576, 0.57735026918962576],
        [0.70710678118654752, 0.0, -0.70710678118654752],
        [0.40824829046386302, -0.81649658092772604, 0.40824829046386302],
    ]
)
"""Rows: grey, red - blue, green. Orthonormal, so that an error keeps its size."""

OPACITY_FLOOR = 1e-4
OPACITY_CEILING = 0.9998


@dataclass(frozen=True, eq=False)
class CanonicalSplats:
    """N splats as the coder takes them.

    Attributes:
        means: float64 [N, 3], world units.
        axes: float64 [N, 3, 3]; `axes[:, i]` is the unit vector along which the i-th scale lies.
        values: float64 [N, 7]: log2 scales, longest first; log2 opacity; the constant colour along `COLOR_AXES`.
        sh_rest: float32 [N, 3 (K - 1)], harmonics beyond the constant, coefficient-major.
    """

    means: np.ndarray
    axes: np.ndarray
    values: np.ndarray
    sh_rest: np.ndarray


def canonical(scene: Scene) -> CanonicalSplats:
    """Splats of `scene`, whose rows are all finite."""
    order = np.argsort(-scene.log_scales, axis=1, kind="stable")
    columns = rotation_matrices(scene.quats).transpose(0, 2, 1)  # [N, axis, world]
    axes = np.take_along_axis(columns, order[:, :, None], axis=1)
    log2_scales = np.clip(np.take_along_axis(scene.log_scales, order, axis=1).astype(np.float64) / np.log(2), -60, 60)
    opacities = 1 / (1 + np.exp(-scene.opacity_logits.astype(np.float64)))
    log2_opacities = np.log2(np.clip(opacities, OPACITY_FLOOR, OPACITY_CEILING))
    color = scene.sh[:, 0].astype(np.float64) @ COLOR_AXES.T
    return CanonicalSplats(
        scene.means.astype(np.float64),
        axes,
        np.concatenate([log2_scales, log2_opacities[:, None], color], axis=1),
        scene.sh[:, 1:].reshape(len(scene), -1),
    )


def rotation_matrices(quats: np.ndarray) -> np.ndarray:
    """float64 [N, 3, 3] rotation matrices of wxyz quaternions of any length."""
    q = quats.astype(np.float64)
    w, x, y, z = (q / np.linalg.norm(q, axis=1, keepdims=True)).T
    rows = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return np.stack(rows, axis=1).reshape(-1, 3, 3)
