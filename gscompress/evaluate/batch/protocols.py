"""How the field measures on Mip-NeRF360, three ways: which photographs, through which cameras, and what is computed from them.

    inria          full_eval.py and metrics.py of Kerbl et al. 2023
    gsplat         examples/simple_trainer.py and benchmarks, since it makes its own smaller photographs
    nerfbaselines  the protocol "nerf" of nerfbaselines 1.2

Figures of two protocols are not comparable: LPIPS least of all. Every table names its own.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from ...cameras import Camera
from ...errors import InputError, MissingExtra, MissingWeights
from ...train.photographs import Photographs
from ..lpips_weights import find_weights
from ..scores import Scorer

OUTDOOR, INDOOR = ("bicycle", "flowers", "garden", "stump", "treehill"), ("room", "counter", "kitchen", "bonsai")
MIPNERF360 = OUTDOOR + INDOOR
LEFT_OUT_OF_SEVEN = ("flowers", "treehill")
"""By papers that have seven scenes: these two were published later."""
FACTOR = dict.fromkeys(OUTDOOR, 4) | dict.fromkeys(INDOOR, 2)
"""How many times smaller the photographs are, by scene."""


@dataclass(frozen=True)
class Protocol:
    """One way.

    Attributes:
        name: for --protocol.
        own_copies: photographs made smaller from `images` by Pillow's bicubic filter; else those of the data set's `images_N`.
        centred: principal points are taken to be in the middle of the image.
        eight_bit: renders are rounded to 8 bits before they are measured.
        ssim_edges: as for `ssim`.
        lpips: networks.
        lpips_range: as for `LPIPS`.
        test_every: from the first by name, every so manieth photograph is for testing.
    """

    name: str
    own_copies: bool
    centred: bool
    eight_bit: bool
    ssim_edges: str
    lpips: tuple[str, ...]
    lpips_range: str
    test_every: int = 8

    @property
    def line(self) -> str:
        """The protocol in words, for tables."""
        copies = "images made 4 (outdoor) or 2 (indoor) times smaller by bicubic filter" if self.own_copies else "images_4 outdoor, images_2 indoor"
        centre = "principal point in the middle" if self.centred else "principal point as calibrated"
        renders = "8-bit renders" if self.eight_bit else "float renders clamped to [0, 1]"
        edges = {"valid": "where the window fits", "zero": "zero-padded", "reflect": "reflected at the edges"}[self.ssim_edges]
        nets = " and ".join({"vgg": "VGG", "alex": "AlexNet"}[net] for net in self.lpips)
        return (
            f"{self.name}: {copies}; every {self.test_every}th view by name is test; {centre}; {renders}; PSNR per image, then the mean; "
            f"SSIM 11x11 Gaussian, {edges}; LPIPS {nets} on input in {self.lpips_range}"
        )

    def record(self, **deviations: str) -> dict[str, Any]:
        """All of it for JSON, "line" included; `deviations` are what the user chose otherwise, by name, and end the line."""
        other = "".join(f"; but {text}" for text in deviations.values())
        return asdict(self) | {"lpips": list(self.lpips), "deviations": deviations, "line": self.line + other}

    def prepared(self, photographs: Photographs) -> Photographs:
        """The photographs, seen through the protocol's cameras."""
        if not self.centred:
            return photographs
        train, test = (tuple(replace(p, camera=centred(p.camera)) for p in part) for part in (photographs.train, photographs.test))
        return replace(photographs, train=train, test=test)

    def scorer(self, lpips_weights: str | None = None, device: str = "cpu") -> tuple[Scorer, tuple[str, ...]]:
        """What measures a pair of images, and notes on what it cannot measure here."""
        nets, notes = self.measurable(lpips_weights)
        settings: dict[str, Any] = {
            "eight_bit": self.eight_bit, "ssim_edges": self.ssim_edges, "lpips_range": self.lpips_range, "lpips_weights": lpips_weights, "device": device,
        }  # fmt: skip
        return Scorer(["psnr", "ssim", *(f"lpips-{net}" for net in nets)], **settings), notes

    def measurable(self, lpips_weights: str | None = None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The networks whose weights are here, and notes on the others."""
        notes, usable = [], []
        for net in self.lpips:
            try:
                find_weights(net, lpips_weights)
                usable.append(net)
            except (MissingWeights, MissingExtra) as error:
                notes.append(f"not measured: {error}")
        return tuple(usable), tuple(notes)


def centred(camera: Camera) -> Camera:
    """The camera with its principal point in the middle: all that is left of it where only fields of view are stored."""
    return replace(camera, cx=camera.width / 2, cy=camera.height / 2)


PROTOCOLS = {
    p.name: p
    for p in (
        Protocol("inria", own_copies=False, centred=True, eight_bit=True, ssim_edges="zero", lpips=("vgg",), lpips_range="[0,1]"),
        Protocol("gsplat", own_copies=True, centred=False, eight_bit=False, ssim_edges="reflect", lpips=("alex",), lpips_range="[-1,1]"),
        Protocol("nerfbaselines", own_copies=False, centred=False, eight_bit=True, ssim_edges="valid", lpips=("vgg", "alex"), lpips_range="[-1,1]"),
    )
}


def protocol(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        InputError: there is none.
    """
    if name not in PROTOCOLS:
        raise InputError(f"protocol: expected one of {', '.join(PROTOCOLS)}, found {name!r}")
    return PROTOCOLS[name]


