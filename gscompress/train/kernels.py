"""The CUDA kernels of cuda/kernels, compiled when they are first called (torch.utils.cpp_extension)."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from types import ModuleType

from .._native import core

NAMES = ("residual_assign",)


def sources() -> list[Path]:
    """The `.cu` files; they are installed beside the compiled core."""
    folder = Path(str(core().__file__)).parent / "kernels"
    return [folder / f"{name}.cu" for name in NAMES]


@lru_cache(maxsize=1)
def kernels() -> ModuleType:
    """The module of the kernels. Compiling takes a minute, once per version of torch: torch keeps what it built.

    Raises:
        OSError: there is no CUDA compiler.
        RuntimeError: it failed.
    """
    from torch.utils.cpp_extension import load

    return load(
        name="gscompress_kernels", sources=[str(path) for path in sources()], extra_cuda_cflags=["-O3", "--fmad=false"], with_cuda=True
    )  # pyright: ignore[reportReturnType]
