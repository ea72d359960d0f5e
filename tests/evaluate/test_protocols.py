"""Each protocol against a computation of its own: photographs by Pillow, cameras by hand, metrics by torch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from photographs_for_tests import SHAPES
from weights_for_tests import write_weights

from gscompress import load
from gscompress.cameras import Camera
from gscompress.errors import InputError
from gscompress.evaluate.batch.cells import CellTask, run_cell
from gscompress.evaluate.batch.context import Settings
from gscompress.evaluate.batch.datasets import Wanted, find_scenes
from gscompress.evaluate.batch.protocols import PROTOCOLS, protocol
from gscompress.evaluate.codecs.base import Point
from gscompress.evaluate.lpips import LPIPS
from gscompress.evaluate.metrics import ssim
from gscompress.render import render

from .batch_for_tests import HEIGHT, WIDTH, photographed, with_model

torch = pytest.importorskip("torch")
Image = pytest.importorskip("PIL.Image")

SCENE = "bonsai"
"""Indoors: two times smaller."""


def torch_ssim(a: np.ndarray, b: np.ndarray, mode: str) -> float:
    """The SSIM of Wang et al. with a window in two dimensions at once, of images that go on as `mode` of torch's pad says."""
    functional = torch.nn.functional
    x = torch.arange(11, dtype=torch.float64) - 5
    taps = torch.exp(-x * x / (2 * 1.5**2))
    window = torch.outer(taps, taps) / taps.sum() ** 2
    u, v = (torch.from_numpy(i.astype(np.float64)).permute(2, 0, 1)[:, None] for i in (a, b))
    if mode != "none":
        u, v = (functional.pad(i, (5, 5, 5, 5), mode=mode) for i in (u, v))

    def mean(i: Any) -> Any:
        return functional.conv2d(i, window[None, None])

    m, n = mean(u), mean(v)
    top = (2 * m * n + 0.01**2) * (2 * (mean(u * v) - m * n) + 0.03**2)
    return float((top / ((m * m + n * n + 0.01**2) * (mean(u * u) - m * m + mean(v * v) - n * n + 0.03**2))).mean())


EDGES = {"inria": "constant", "gsplat": "reflect", "nerfbaselines": "none"}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_ssim_variants(name):
    rng = np.random.default_rng(0)
    a = rng.uniform(0, 1, (21, 33, 3))
    b = (a + rng.normal(0, 0.2, a.shape)).clip(0, 1)
    assert ssim(a, b, protocol(name).ssim_edges) == pytest.approx(torch_ssim(a, b, EDGES[name]), abs=1e-9)


def test_ssim_of_torchmetrics():
    image = pytest.importorskip("torchmetrics.functional.image")
    rng = np.random.default_rng(0)
    a = rng.uniform(0, 1, (21, 33, 3))
    b = (a + rng.normal(0, 0.2, a.shape)).clip(0, 1)
    x, y = (torch.from_numpy(i).permute(2, 0, 1)[None] for i in (a, b))
    expected = float(image.structural_similarity_index_measure(x, y, data_range=1.0))
    assert ssim(a, b, protocol("gsplat").ssim_edges) == pytest.approx(expected, abs=1e-6)


def reference(name: str, folder, cameras: list[Camera]) -> tuple[list[float], list[float], list[np.ndarray], list[np.ndarray]]:
    """PSNR and SSIM of every test view, with both images, from nothing but the files, the cameras and the renderer."""
    scene, psnrs, ssims, renders, photographs = load(SHAPES), [], [], [], []
    for camera in cameras[::8]:
        if name == "gsplat":  # its own bicubic copies; K over the factor
            with Image.open(folder / "images" / camera.name) as opened:
                photograph = np.asarray(opened.convert("RGB").resize((WIDTH // 2, HEIGHT // 2), Image.Resampling.BICUBIC)) / 255
        else:  # the data set's copies
            with Image.open(folder / "images_2" / camera.name) as opened:
                photograph = np.asarray(opened.convert("RGB")) / 255
        height, width = photograph.shape[:2]
        small = Camera(camera.world_to_camera, camera.fx / 2, camera.fy / 2, camera.cx / 2, camera.cy / 2, width, height, camera.name)
        if name == "inria":  # fields of view only
            small = replace(small, cx=width / 2, cy=height / 2)
        image = render(scene, [small], backend="cpu")[0].image.astype(np.float64).clip(0, 1)
        if name != "gsplat":  # through an 8-bit file
            image = np.floor(image * 255 + 0.5) / 255
        psnrs.append(-10 * np.log10(np.mean((image - photograph) ** 2)))
        ssims.append(torch_ssim(image, photograph, EDGES[name]))
        renders.append(image)
        photographs.append(photograph)
    return psnrs, ssims, renders, photographs


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_end_to_end(name, tmp_path):
    cameras = photographed(tmp_path / "data" / SCENE)
    with_model(tmp_path / "models", SCENE)
    for net in ("vgg", "alex"):
        write_weights(tmp_path / "weights", net)
    psnrs, ssims, renders, photographs = reference(name, tmp_path / "data" / SCENE, cameras)
    (found,) = find_scenes(Wanted("mipnerf360", tmp_path / "data", tmp_path / "models"), protocol(name))
    assert found.model is not None
    settings = Settings(protocol(name), "cpu", str(tmp_path / "weights"))
    cell = run_cell(CellTask(found, found.model, "ply", Point(), settings, tmp_path / "out"))
    assert cell.ok, cell.error
    assert (cell.views, cell.width, cell.height) == (2, WIDTH // 2, HEIGHT // 2)
    assert cell.photographs is not None
    assert [row["name"] for row in cell.per_view] == ["000.png", "008.png"]
    # Halves are rounded to even in one place and up in the other: a value in a thousand, by 1/255.
    assert [row["psnr"] for row in cell.per_view] == pytest.approx(psnrs, abs=2e-3)
    assert cell.photographs.psnr == pytest.approx(np.mean(psnrs), abs=2e-3)
    assert cell.photographs.ssim == pytest.approx(np.mean(ssims), abs=1e-4)
    nets, fed = {"inria": (["vgg"], "[0,1]"), "gsplat": (["alex"], "[-1,1]"), "nerfbaselines": (["vgg", "alex"], "[-1,1]")}[name]
    assert list(cell.photographs.lpips) == nets
    for net in nets:
        measure = LPIPS(net, weights=tmp_path / "weights", input_range=fed)
        expected = np.mean([measure(i.astype(np.float32), p.astype(np.float32)) for i, p in zip(renders, photographs, strict=True)])
        assert cell.photographs.lpips[net] == pytest.approx(expected, rel=1e-3)


def test_protocols_differ(tmp_path):
    """Or the tests above would pass for any."""
    cameras = photographed(tmp_path)
    found = {name: reference(name, tmp_path, cameras) for name in PROTOCOLS}
    assert len({round(float(np.mean(psnrs)), 2) for psnrs, *_ in found.values()}) == 3
    assert len({round(float(np.mean(ssims)), 3) for _, ssims, *_ in found.values()}) == 3


def test_lpips_without_weights_is_a_note(tmp_path):
    scorer, notes = protocol("inria").scorer(str(tmp_path))
    if "lpips-vgg" in scorer.metrics:
        pytest.skip("the weights are in torch's cache here")
    assert scorer.metrics == ("psnr", "ssim")
    assert len(notes) == 1
    assert "vgg16" in notes[0]


def test_what_is_done_otherwise_ends_the_line():
    record = protocol("inria").record(images="photographs as they are")
    assert record["line"].startswith("inria: ")
    assert record["line"].endswith("; but photographs as they are")


def test_unknown():
    with pytest.raises(InputError, match="protocol: expected one of inria"):
        protocol("blender")
