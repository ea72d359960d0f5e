"""Generated scenes that look like trained ones in range and spread; no files needed."""

from __future__ import annotations

import numpy as np

from gscompress.scene import SH_COEFFICIENTS, Scene


def random_scene(n: int, degree: int = 0, seed: int = 0) -> Scene:
    """A scene of n Gaussians whose values all formats hold without clipping: |harmonics| < 1, ln scale in [-9, 5]."""
    random = np.random.default_rng(seed)
    k = SH_COEFFICIENTS[degree]
    sh = random.normal(0, 0.15, (n, k, 3)).clip(-0.95, 0.95)
    sh[:, 0] = random.uniform(-1.6, 1.6, (n, 3))  # colours in [0.05, 0.95]
    return Scene(
        random.normal(0, 2, (n, 3)),
        random.normal(0, 1, (n, 4)) * random.uniform(0.2, 5, (n, 1)),
        random.normal(-4, 1, (n, 3)).clip(-9, 5),
        random.normal(0, 2, n).clip(-5, 5),
        sh,
    )
