"""Where training runs."""

from __future__ import annotations

from ..errors import MissingExtra

try:
    import torch
except ImportError as error:
    raise MissingExtra("torch", "train", "training") from error


def default_device() -> str:
    """The device of torch that training takes: cuda where there is one, else cpu."""
    return "cuda" if torch.cuda.is_available() else "cpu"
