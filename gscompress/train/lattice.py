"""A decoded scene told in the words of the scene that was encoded, so that the two can be subtracted.

The format sorts a Gaussian's axes by length, and a rotation is the same after half a turn about any of its axes.
"""

from __future__ import annotations

import numpy as np

from ..model.canonical import rotation_matrices
from ..model.reconstruct import quaternions
from ..scene import Scene


def aligned(scene: Scene, decoded: Scene, order: np.ndarray) -> Scene:
    """`decoded` with rows, axes and quaternions in the order and sense of `scene`.

    Args:
        scene: what was encoded, N rows.
        decoded: N rows, of which row i stands for row `order[i]` of `scene`.
        order: int64 [N], a permutation.
    """
    sorting = np.argsort(-scene.log_scales[order], axis=1, kind="stable")  # as model/canonical.py has it
    columns = rotation_matrices(decoded.quats).transpose(0, 2, 1)
    axes, log_scales = np.empty_like(columns), np.empty_like(decoded.log_scales)
    np.put_along_axis(axes, sorting[:, :, None], columns, axis=1)
    np.put_along_axis(log_scales, sorting, decoded.log_scales, axis=1)
    axes[:, 0] *= np.sign(np.linalg.det(axes))[:, None]
    own = scene.quats[order].astype(np.float64)
    length = np.linalg.norm(own, axis=1, keepdims=True)
    quats = nearest_turn(quaternions([list(axes[:, i].T) for i in range(3)]), own / length) * length
    parts = []
    for values in (decoded.means, quats, log_scales, decoded.opacity_logits, decoded.sh):
        out = np.empty(values.shape, np.float32)
        out[order] = values
        parts.append(out)
    means, quats, log_scales, logits, sh = parts
    return Scene(means, quats, log_scales, logits, sh, scene.antialiased)


def nearest_turn(quats: np.ndarray, to: np.ndarray) -> np.ndarray:
    """float64 [N, 4]: of each rotation and its half turns about its own axes, with either sign, the nearest to `to`."""
    w, x, y, z = quats.T
    turned = np.stack([quats, np.stack([-x, w, z, -y], 1), np.stack([-y, -z, w, x], 1), np.stack([-z, y, -x, w], 1)], axis=1)
    likeness = np.einsum("nik,nk->ni", turned, to)
    best = np.abs(likeness).argmax(1)
    rows = np.arange(len(quats))
    return turned[rows, best] * np.where(likeness[rows, best] < 0, -1.0, 1.0)[:, None]
