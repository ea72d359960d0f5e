"""The files that LPIPS needs, where they may lie, and reading them. Nothing is downloaded."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Corrupt, InputError, MissingExtra, MissingWeights

if TYPE_CHECKING:
    from torch import Tensor

BACKBONES = {"vgg": "vgg16-397923af.pth", "alex": "alexnet-owt-7be5be79.pth"}
"""torchvision's names of the networks trained on ImageNet, which are the names in torch's cache."""
HEADS = {"vgg": "vgg.pth", "alex": "alex.pth"}
"""The lpips package's names of its linear layers, version 0.1."""

BACKBONE_SOURCE = "https://download.pytorch.org/models/{}"
HEAD_SOURCE = "the lpips package (pip install --no-deps lpips) or its repository, richzhang/PerceptualSimilarity"
HEAD_PACKAGES = {"lpips": "weights/v0.1", "torchmetrics": "functional/image/lpips_models"}


def require_torch() -> Any:
    """The torch module.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtra("torch", "train", "LPIPS") from error
    return torch


def find_weights(net: str, folder: str | Path | None = None) -> tuple[Path, Path]:
    """Paths of the backbone and of the linear heads of "vgg" or "alex".

    The backbone is looked for in `folder`, then in torch's cache (`torch.hub.get_dir()/checkpoints`, which TORCH_HOME moves);
    the heads in `folder`, in the installed packages lpips and torchmetrics, then in that cache.

    Raises:
        InputError: `folder` is none.
        MissingWeights: a file is in none of them; the message names it, the places and its source.
        MissingExtra: torch is not installed.
    """
    given = [] if folder is None else [Path(folder)]
    if given and not given[0].is_dir():
        raise InputError(f"LPIPS weights: expected a folder, found none at {folder}")
    cache = Path(require_torch().hub.get_dir()) / "checkpoints"
    wanted = {
        BACKBONES[net]: ([*given, cache], BACKBONE_SOURCE.format(BACKBONES[net])),
        HEADS[net]: ([*given, *_package_folders(), cache], HEAD_SOURCE),
    }
    found = {name: _first(name, folders) for name, (folders, _) in wanted.items()}
    missing = {name: source for name, (_, source) in wanted.items() if found[name] is None}
    if missing:
        searched = dict.fromkeys(str(place) for name in missing for place in wanted[name][0])
        raise MissingWeights(f"LPIPS ({net})", missing, list(searched))
    backbone, heads = (path for path in found.values() if path is not None)
    return backbone, heads


def read_weights(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """The tensors named in `shapes` of a file that `torch.save` wrote, float32; others in the file are left out.

    Only tensors are unpickled, so a file cannot run code.

    Raises:
        Corrupt: the file is no such file, or a tensor is missing, of another shape or not finite.
        OSError: it cannot be read.
    """
    torch = require_torch()
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # torch's unpickler raises whatever it stumbles over
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise Corrupt(path.name, "file", "tensors written by torch.save", f"something else ({reason})") from error
    weights = {}
    for name, shape in shapes.items():
        value: Any = stored.get(name) if isinstance(stored, dict) else None
        if not isinstance(value, torch.Tensor):
            raise Corrupt(path.name, name, f"a tensor of {list(shape)}", "none")
        if tuple(value.shape) != shape or not value.is_floating_point():
            found = f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)}"
            raise Corrupt(path.name, name, f"floats {list(shape)}", found)
        if not torch.isfinite(value).all():
            raise Corrupt(path.name, name, "finite values", "others")
        weights[name] = value.float()
    return weights


def _first(name: str, folders: list[Path]) -> Path | None:
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def _package_folders() -> list[Path]:
    """Where installed packages keep the heads; the packages are found, not imported."""
    specs = [(importlib.util.find_spec(package), inside) for package, inside in HEAD_PACKAGES.items()]
    return [Path(root) / inside for spec, inside in specs if spec for root in spec.submodule_search_locations or ()]
