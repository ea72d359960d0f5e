"""CUDA kernels, compiled at their first use by torch with the CUDA compiler at hand."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from ..errors import MissingExtra

PACKAGE = Path(__file__).resolve().parents[1]
SOURCES = next((p for p in (PACKAGE / "kernels", PACKAGE.parent / "cuda" / "kernels") if p.is_dir()), PACKAGE / "kernels")
"""Where the package is installed, or is run from the repository."""


@cache
def residual_kernels() -> Any:
    """The module of residual_assign.cu.

    Raises:
        MissingExtra: there is no CUDA compiler, or it fails.
    """
    from torch.utils import cpp_extension

    try:
        return cpp_extension.load("gscompress_residual", [str(SOURCES / "residual_assign.cu")], extra_cuda_cflags=["-O3"])
    except (OSError, RuntimeError, ImportError) as error:
        raise MissingExtra("CUDA's nvcc", "train", f"residual quantisation on a GPU ({error})") from error
