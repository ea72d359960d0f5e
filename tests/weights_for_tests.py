"""Random weights of LPIPS, under the right names, from torch modules laid out as torchvision's."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

VGG16 = [64, 64, "pool", 128, 128, "pool", 256, 256, 256, "pool", 512, 512, 512, "pool", 512, 512, 512]
TAPS = {"vgg": (3, 8, 15, 22, 29), "alex": (1, 4, 7, 9, 11)}
WIDTHS = {"vgg": (64, 128, 256, 512, 512), "alex": (64, 192, 384, 256, 256)}
FILES = {"vgg": ("vgg16-397923af.pth", "vgg.pth"), "alex": ("alexnet-owt-7be5be79.pth", "alex.pth")}


def backbone(net: str) -> nn.Sequential:
    """The convolutional part of the network, untrained."""
    if net == "alex":
        return nn.Sequential(
            nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2),
        )  # fmt: skip
    layers: list[nn.Module] = []
    inputs = 3
    for step in VGG16:
        if isinstance(step, int):
            layers += [nn.Conv2d(inputs, step, 3, padding=1), nn.ReLU()]
            inputs = step
        else:
            layers.append(nn.MaxPool2d(2, 2))
    return nn.Sequential(*layers, nn.MaxPool2d(2, 2))


def write_weights(folder: Path, net: str, seed: int = 0) -> tuple[nn.Sequential, list[torch.Tensor]]:
    """Writes both files of "vgg" or "alex".

    Returns:
        The backbone, and the heads' weights, [C] each.
    """
    generator = torch.Generator().manual_seed(seed)
    made = backbone(net).requires_grad_(False)
    for layer in made:
        if isinstance(layer, nn.Conv2d):
            layer.weight.normal_(0, (2 / layer.weight[0].numel()) ** 0.5, generator=generator)
            assert layer.bias is not None
            layer.bias.normal_(0, 0.1, generator=generator)
    heads = [torch.rand(width, generator=generator) for width in WIDTHS[net]]
    folder.mkdir(parents=True, exist_ok=True)
    stored = {f"features.{name}": value for name, value in made.state_dict().items()}
    torch.save(stored | {"classifier.0.bias": torch.zeros(7)}, folder / FILES[net][0])
    torch.save({f"lin{i}.model.1.weight": head.view(1, -1, 1, 1) for i, head in enumerate(heads)}, folder / FILES[net][1])
    return made, heads
