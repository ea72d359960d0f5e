"""The CUDA kernels are where they are looked for, and compile; what they do is tested beside their references."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from gscompress.train.kernels import NAMES, sources  # noqa: E402

HOME = os.environ.get("CUDA_HOME")
NVCC = f"{HOME}/bin/nvcc" if HOME else shutil.which("nvcc")


def test_sources_are_installed_as_they_are_in_the_repository():
    folder = Path(__file__).resolve().parents[2] / "cuda" / "kernels"
    assert sorted(path.stem for path in folder.glob("*.cu")) == sorted(NAMES)
    for path in sources():
        assert path.read_bytes() == (folder / path.name).read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(not NVCC or not Path(NVCC).exists(), reason="no nvcc: set CUDA_HOME")
@pytest.mark.parametrize("path", sources(), ids=lambda path: path.stem)
def test_kernels_compile(path: Path, tmp_path: Path):
    """Without a GPU and against any torch: a build of it for CPUs lacks one generated header, which says nothing here."""
    include = Path(torch.__file__).parent / "include"
    if not (include / "c10/cuda/impl/cuda_cmake_macros.h").exists():
        macros = tmp_path / "c10/cuda/impl/cuda_cmake_macros.h"
        macros.parent.mkdir(parents=True)
        macros.write_text("#define C10_CUDA_BUILD_SHARED_LIBS\n")
    folders = [tmp_path, include, include / "torch/csrc/api/include", sysconfig.get_paths()["include"]]
    command = [
        str(NVCC), "-c", "-std=c++20", "-gencode=arch=compute_90,code=sm_90", "-DTORCH_EXTENSION_NAME=kernels",
        "-DTORCH_API_INCLUDE_EXTENSION_H", *(f"-I{folder}" for folder in folders), str(path), "-o", str(tmp_path / "kernel.o"),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stderr
