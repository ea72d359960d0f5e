"""The one scene type: explicit 3D Gaussians in the stored (not activated) domain."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import InputError

SH_COEFFICIENTS = {0: 1, 1: 4, 2: 9, 3: 16}
"""Number of spherical-harmonics coefficients per colour channel, the constant one included, by degree."""

SH_C0 = 0.28209479177387814
"""Y_00: colour = 0.5 + SH_C0 * sh[:, 0] for a scene of degree 0."""


@dataclass(frozen=True, eq=False)
class Scene:
    """N Gaussians with the conventions of Kerbl et al. 2023 and gsplat.

    Attributes:
        means: float32 [N, 3], centres in world units.
        quats: float32 [N, 4], rotations wxyz; any non-zero length (consumers normalise).
        log_scales: float32 [N, 3], natural logarithm of the standard deviations in world units.
        opacity_logits: float32 [N]; opacity = sigmoid.
        sh: float32 [N, K, 3], K = (degree + 1)^2; `sh[:, 0]` is the constant term; real SH basis of 3DGS.
        antialiased: trained with the antialiased ("mip") rasteriser, which a viewer has to use as well.
    """

    means: np.ndarray
    quats: np.ndarray
    log_scales: np.ndarray
    opacity_logits: np.ndarray
    sh: np.ndarray
    antialiased: bool = False

    def __post_init__(self) -> None:
        n = len(self.means)
        for name, shape in (("means", (n, 3)), ("quats", (n, 4)), ("log_scales", (n, 3)), ("opacity_logits", (n,))):
            found = getattr(self, name).shape
            if found != shape:
                raise InputError(f"Scene.{name}: expected shape {shape}, found {found}")
        if self.sh.ndim != 3 or self.sh.shape[0] != n or self.sh.shape[2] != 3 or self.sh.shape[1] not in SH_COEFFICIENTS.values():
            raise InputError(f"Scene.sh: expected shape ({n}, 1|4|9|16, 3), found {self.sh.shape}")
        for name in ("means", "quats", "log_scales", "opacity_logits", "sh"):
            object.__setattr__(self, name, np.ascontiguousarray(getattr(self, name), dtype=np.float32))

    def __len__(self) -> int:
        return len(self.means)

    @property
    def sh_degree(self) -> int:
        """0 to 3."""
        return {k: d for d, k in SH_COEFFICIENTS.items()}[self.sh.shape[1]]

    @property
    def float32_size_bytes(self) -> int:
        """Bytes of the scene as an INRIA `.ply` row block: 17 + 3 (K - 1) floats a Gaussian, normals included."""
        return len(self) * 4 * (17 + 3 * (self.sh.shape[1] - 1))

    def select(self, index: np.ndarray) -> Scene:
        """The Gaussians that `index` (boolean mask [N] or integer indices) names, in its order."""
        return Scene(
            self.means[index], self.quats[index], self.log_scales[index], self.opacity_logits[index],
            self.sh[index], self.antialiased,
        )

    def finite(self) -> np.ndarray:
        """bool [N]: every value of the Gaussian is finite and its quaternion is not zero."""
        ok = np.isfinite(self.opacity_logits) & np.isfinite(self.sh).all((1, 2))
        for rows in (self.means, self.quats, self.log_scales):
            ok &= np.isfinite(rows).all(1)
        return ok & (np.abs(self.quats).sum(1) > 0)

    def save(self, path: str | Path, overwrite: bool = False) -> None:
        """Writes the scene in the format that the name's ending asks for (.ply, .compressed.ply, .spz, .splat, .sog)."""
        from . import io  # the one upward import: a convenience that belongs to the type users hold

        io.write(self, path, overwrite=overwrite)


def empty_scene(sh_degree: int = 0) -> Scene:
    """A scene of no Gaussians."""
    z = np.zeros
    return Scene(z((0, 3)), z((0, 4)), z((0, 3)), z(0), z((0, SH_COEFFICIENTS[sh_degree], 3)))
