"""What a result was measured on."""

from __future__ import annotations

import os
import platform
from functools import lru_cache
from importlib import metadata
from typing import Any

from ..._native import threads
from ...version import VERSION

PACKAGES = ("numpy", "torch", "gsplat", "pillow")


@lru_cache(maxsize=1)
def describe() -> dict[str, Any]:
    """Processor, threads used, memory in bytes, GPU (None without), system, the versions that figures depend on, and a "line" for people."""
    processor, memory, gpu, versions = _processor(), _memory(), _gpu(), {name: _version(name) for name in PACKAGES}
    held = f", {memory / 1e9:.0f} GB" if memory else ""
    known = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    return {
        "line": f"{processor}, {threads()} threads{held}, {gpu or 'no GPU'}; {known}", "processor": processor, "threads": threads(),
        "memory_bytes": memory, "gpu": gpu, "system": platform.platform(), "python": platform.python_version(), "gscompress": VERSION, **versions,
    }  # fmt: skip


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def _gpu() -> str | None:
    try:
        import torch
    except ImportError:
        return None
    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
