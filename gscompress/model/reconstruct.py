"""Decoded symbols to the values of a scene (FORMAT.md, "Reconstruction"). The only floating point of the decoder.

Array operations, one after another in the order of cuda/core/codec/block_coder.cpp, so that the bits are the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import detmath
from .steps import ONE, STEP_SH, Params


@dataclass(frozen=True, eq=False)
class Symbols:
    """N decoded splats, int64.

    Attributes:
        voxel: [N, 3], coordinates in the octree's grid.
        shift: [N, 3], from the voxel's centre to where the offset begins, 1/256 voxel.
        value: [N, 7], fixed point: log2 scales, log2 opacity, rotated colour.
        color_class: [N].
        rotation: [N, 7]: needle, bits, angle_bits, face, u, v, angle.
        offset: [N, 3], in steps.
        log2_steps: [N, 3], of the offset, fixed point.
        harmonics: [N, components]; zeros where the file was cut.
    """

    voxel: np.ndarray
    shift: np.ndarray
    value: np.ndarray
    color_class: np.ndarray
    rotation: np.ndarray
    offset: np.ndarray
    log2_steps: np.ndarray
    harmonics: np.ndarray


def reconstruct(p: Params, s: Symbols) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """float32 means [N, 3], quats [N, 4], log_scales [N, 3], opacity_logits [N], sh [N, K, 3]."""
    axes = rotation_axes(s.rotation)
    log_scales = s.value[:, :3] * (detmath.LN2 / ONE)
    ln_o = np.minimum(s.value[:, 3], -1) * (detmath.LN2 / ONE)
    logits = ln_o - detmath.log(1.0 - detmath.exp(ln_o))
    return (
        exact_means(p, s, axes).astype(np.float32),
        quaternions(axes).astype(np.float32),
        log_scales.astype(np.float32),
        logits.astype(np.float32),
        _harmonics(p, s).astype(np.float32),
    )


def exact_means(p: Params, s: Symbols, axes: list[list[np.ndarray]]) -> np.ndarray:
    """float64 [N, 3], before they are rounded; `axes` are those of `rotation_axes`."""
    local = [_offset(s.offset[:, i], s.log2_steps[:, i]) for i in range(3)]
    means = []
    for k in range(3):
        base = p.origin[k] + (s.voxel[:, k].astype(np.float64) + 0.5 + s.shift[:, k] / 256.0) * p.voxel
        means.append(base + (axes[0][k] * local[0] + axes[1][k] * local[1] + axes[2][k] * local[2]))
    return np.stack(means, 1)


def _offset(symbol: np.ndarray, log2_step: np.ndarray) -> np.ndarray:
    return np.where(symbol == 0, 0.0, symbol * detmath.exp2(log2_step.astype(np.float64) / ONE))


def rotation_axes(rotation: np.ndarray) -> list[list[np.ndarray]]:
    """`axes[i][k]`: component k of the i-th axis of every splat.

    Args:
        rotation: int64 [N, 7], see `Symbols`.
    """
    needle, bits, angle_bits, face, u, v, angle = rotation.T
    rows = np.arange(len(rotation))
    # The primary axis: a point on a face of the unit cube, normalised.
    scale = 2.0 / (1 << bits)
    a = np.where(bits == 0, 0.0, (u + 0.5) * scale - 1.0)
    b = np.where(bits == 0, 0.0, (v + 0.5) * scale - 1.0)
    length = np.sqrt(a * a + b * b + 1.0)
    n = np.empty((3, len(rows)))
    n[face, rows] = 1.0 / length
    n[(face + 1) % 3, rows] = a / length
    n[(face + 2) % 3, rows] = b / length
    # Two unit vectors across it; the first leans towards the axis after the largest component.
    lean = (face + 1) % 3
    d = n[lean, rows]
    s = [(lean == i) * 1.0 - n[i] * d for i in range(3)]
    length = np.sqrt(s[0] * s[0] + s[1] * s[1] + s[2] * s[2])
    s = [c / length for c in s]
    t = [n[1] * s[2] - n[2] * s[1], n[2] * s[0] - n[0] * s[2], n[0] * s[1] - n[1] * s[0]]
    y = np.where(angle_bits == 0, 0.0, (angle + 0.5) / (1 << angle_bits) - 0.5) * detmath.PI
    cosine, sine = -detmath.sin(y), detmath.cos(y)  # y is the angle less a quarter turn
    second = [s[i] * cosine + t[i] * sine for i in range(3)]
    long = [np.where(needle, n[i], second[i]) for i in range(3)]
    short = [np.where(needle, second[i], n[i]) for i in range(3)]
    middle = [
        short[1] * long[2] - short[2] * long[1],
        short[2] * long[0] - short[0] * long[2],
        short[0] * long[1] - short[1] * long[0],
    ]
    return [long, middle, short]


def quaternions(axes: list[list[np.ndarray]]) -> np.ndarray:
    """float64 [N, 4], wxyz, of the matrices whose columns are the axes; the largest component is positive."""
    (m00, m10, m20), (m01, m11, m21), (m02, m12, m22) = axes
    sums = np.stack([1 + m00 + m11 + m22, 1 + m00 - m11 - m22, 1 - m00 + m11 - m22, 1 - m00 - m11 + m22])
    big = np.argmax(sums, axis=0)
    root = np.sqrt(np.take_along_axis(sums, big[None], 0)[0])
    scale, half = 0.5 / root, 0.5 * root
    dx, dy, dz = m21 - m12, m02 - m20, m10 - m01
    sxy, sxz, syz = m10 + m01, m20 + m02, m21 + m12
    candidates = [
        [half, dx * scale, dy * scale, dz * scale],
        [dx * scale, half, sxy * scale, sxz * scale],
        [dy * scale, sxy * scale, half, syz * scale],
        [dz * scale, sxz * scale, syz * scale, half],
    ]
    return np.stack([np.choose(big, [c[i] for c in candidates]) for i in range(4)], axis=1)


def _harmonics(p: Params, s: Symbols) -> np.ndarray:
    """float64 [N, K, 3]: the constant colour from its rotated axes, the rest from the file's basis."""
    grey = s.value[:, 4] * (0.57735026918962576 / ONE)
    red_blue = s.value[:, 5] * (0.70710678118654752 / ONE)
    green = s.value[:, 6] * (0.40824829046386302 / ONE)
    constant = np.stack([grey + red_blue + green, grey - 2.0 * green, grey - red_blue + green], axis=1)
    sums = s.harmonics @ p.basis
    unit = np.array(p.steps[STEP_SH], np.float64)[s.color_class] / (127.0 * ONE)
    rest = sums.astype(np.float64) * unit[:, None]
    return np.concatenate([constant, rest], axis=1).reshape(len(s.value), 1 + p.basis.shape[1] // 3, 3)
