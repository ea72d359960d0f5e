"""Networks, grids and latents of anchors in training, and the files that come of them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import gscompress  # noqa: E402
from gscompress import reference_decoder  # noqa: E402
from gscompress.anchored import GROUPS, AnchorDraft, anchored, in_anchors  # noqa: E402
from gscompress.draft import Draft  # noqa: E402
from gscompress.encoder import Encoder, plan  # noqa: E402
from gscompress.errors import InputError  # noqa: E402
from gscompress.model.anchors import AnchorNetworks  # noqa: E402
from gscompress.model.voxels import Grid  # noqa: E402
from gscompress.train.anchors.fit import coded, fit  # noqa: E402
from gscompress.train.anchors.grid import SignGrid  # noqa: E402
from gscompress.train.anchors.integer import LIMIT, ONE, Mlp  # noqa: E402
from gscompress.train.anchors.parts import Parts  # noqa: E402
from gscompress.train.anchors.rates import LEAST_SIZE, laplace_bits, presence_bits  # noqa: E402

TILE = Path(__file__).resolve().parents[2] / "scenes" / "tile.ply"
ALL = Parts(hidden=8, latent=2, hyper=1, resolutions=(2, 4), table=32, iterations=30)


def network(seed: int = 0, scale: float = 1.0) -> Mlp:
    torch.manual_seed(seed)
    made = Mlp([5, 7, 4], torch.randn(5), torch.rand(5) + 0.5)
    for p in made.parameters():
        p.data = scale * torch.randn_like(p)
    return made


@pytest.mark.parametrize("scale", [1e-3, 1.0, 50.0])
def test_the_forward_pass_is_that_of_the_integers(scale: float):
    made, x = network(scale=scale), np.random.default_rng(0).integers(-3000, 3000, (200, 5)).astype(np.int16)
    x[0], x[1] = LIMIT, -LIMIT
    found = made(torch.from_numpy(x.astype(np.float32)) / ONE, True)
    np.testing.assert_array_equal(np.round(found.detach().numpy() * ONE), made.export().run(x))
    found = found.detach()
    if scale == 1:
        rough = made(torch.from_numpy(x[2:].astype(np.float32)) / ONE, False).detach()
        assert float((rough - found[2:]).abs().mean()) < 0.05 * float(rough.abs().mean())


def test_large_biases_leave_room_for_themselves():
    made = network(scale=1e-6)
    with torch.no_grad():
        made.layers[1].bias[0], made.layers[1].bias[1] = 100.0, -120.0  # pyright: ignore[reportIndexIssue]
    last = made.export().layers[-1]
    assert np.abs(last.bias).max() < 1 << 30
    found = made(torch.zeros(1, 5), True)[0].detach()
    assert found[0] == pytest.approx(100, abs=0.01)
    assert found[1] == pytest.approx(-120, abs=0.01)


def test_rounding_is_straight_through():
    x = torch.randint(-500, 500, (20, 5)) / ONE
    gradients = []
    for exact in (False, True):
        layer = network().layers[1]  # without a rectifier, whose side rounding might change
        layer(x @ torch.ones(5, 7) / 5, exact).square().sum().backward()
        gradients.append([p.grad for p in layer.parameters()])
    for plain, rounded in zip(*gradients, strict=True):
        assert rounded is not None
        assert float((plain - rounded).norm()) < 0.02 * float(plain.norm())
        assert float(rounded.norm()) > 0


def test_the_grid_is_that_of_the_decoder():
    codes = np.random.default_rng(0).integers(0, 1 << 18, 300).astype(np.uint64)
    grid = SignGrid(codes, 6, (2, 5, 9), 64, 3)
    found = grid(torch.arange(300))
    np.testing.assert_array_equal(np.round(found.detach().numpy() * ONE), grid.export().at(codes, 6))
    with torch.no_grad():
        grid.values[0][0] = 3.0
    grid(torch.arange(300)).square().sum().backward()
    for values in grid.values:
        assert values.grad is not None
        assert float(values.grad.abs().sum()) > 0
    assert not grid.values[0].grad[0].any()  # too sure to change  # pyright: ignore[reportOptionalSubscript]


@pytest.mark.parametrize("log2_size", [-4.0, 0.0, 3.0])
def test_bits_are_those_of_probabilities(log2_size: float):
    step = torch.tensor(0.5)
    symbols = torch.arange(-4000, 4001, dtype=torch.float64)
    for off in (0.0, 0.3):  # wherever the lattice lies
        bits = laplace_bits((symbols + off) * 0.5, torch.tensor(log2_size, dtype=torch.float64), step)
        assert float(torch.exp2(-bits).sum()) == pytest.approx(1, abs=2e-3)
    assert torch.isfinite(laplace_bits(torch.tensor(1e6), torch.tensor(-9.0), step))
    point = (torch.tensor([0.05, 0.4, -3.0], dtype=torch.float64, requires_grad=True), torch.tensor([0.5, LEAST_SIZE + 2, 1.0], dtype=torch.float64, requires_grad=True))
    assert torch.autograd.gradcheck(lambda r, s: laplace_bits(r, s, step.double()), point)
    assert float(presence_bits(torch.tensor([0.0]), torch.tensor([1.0]))) == pytest.approx(1)


@cache
def draft() -> AnchorDraft:
    scene = gscompress.load(TILE)
    scene = scene.select(np.argsort(scene.means[:, 0])[4000:6000])
    encoder = Encoder.open(scene, plan("fast", len(scene)), None, lambda share: None)
    return anchored(encoder.code(scene, encoder.slope(35.0))[0], ALL.slots, ALL.coarser)


@pytest.mark.parametrize("integer", [False, True])
@pytest.mark.parametrize("leave_out", [{}, {"latent": 0}, {"hyper": 0}, {"resolutions": ()}, {"latent": 0, "hyper": 0, "resolutions": ()}])
def test_files_of_all_parts_decode_alike(leave_out: dict, integer: bool):
    parts, told = replace(ALL, integer=integer, iterations=8, **leave_out), []
    made, bits = fit(draft(), parts, lambda share, now: told.append(share))
    assert told[-1] == 1
    assert made.networks.children.layers
    assert (made.networks.grid is None) == (not parts.resolutions)
    assert made.anchors.latent.shape[1] == parts.latent
    run, predictor = coded(made)
    file = made.file(run, 0, predictor, np.arange(len(made.children.codes)))
    data = file.pack({})
    scene, other = gscompress.decompress(data), reference_decoder.decode(data).scene
    for name in ("means", "quats", "log_scales", "opacity_logits", "sh"):
        np.testing.assert_array_equal(getattr(scene, name), getattr(other, name))
    assert np.linalg.norm(scene.means - made.children.splats.means, axis=1).max() < 0.2
    assert not set(bits) - set(GROUPS)  # pyright: ignore[reportOperatorIssue]
    assert 8 * len(data) == pytest.approx(run.bits.sum(), rel=0.1)


def test_training_makes_the_bits_few_and_always_the_same():
    history: list[float] = []
    parts = replace(ALL, iterations=120)
    made, expected = fit(draft(), parts, lambda share, now: history.append(sum(now.values())))
    assert np.mean(history[-5:]) < 0.97 * np.mean(history[:3])
    again, _ = fit(draft(), parts)
    for a, b in zip(made.networks.children.layers, again.networks.children.layers, strict=True):
        np.testing.assert_array_equal(a.weights, b.weights)
    np.testing.assert_array_equal(made.anchors.latent, again.anchors.latent)
    real = dict(zip(GROUPS, coded(made)[0].bits, strict=True))
    found = sum(bits for name, bits in real.items() if name in expected)
    assert 0.8 < found / sum(expected.values()) < 1.0


def test_no_networks_no_change():
    made, bits = fit(draft(), replace(ALL, hidden=0))
    assert made is draft()
    assert bits == {}


def test_one_anchor():
    """Its inputs have no spread."""
    scene = gscompress.load(TILE)
    scene = scene.select(np.arange(2))
    encoder = Encoder.open(scene, plan("fast", 2), None, lambda share: None)
    few = in_one_anchor(encoder.code(scene, encoder.slope(35.0))[0])
    assert len(few.anchors.codes) == 1
    made, bits = fit(few, replace(ALL, iterations=3))
    assert all(np.isfinite(value) for value in bits.values())
    run, predictor = coded(made)
    assert len(gscompress.decompress(made.file(run, 0, predictor, np.arange(2)).pack({}))) == 2


def in_one_anchor(draft: Draft) -> AnchorDraft:
    none, nothing = np.zeros(0, np.uint16), np.zeros((1, 0), np.int32)
    networks = AnchorNetworks(ALL.slots, none, none)
    grid = Grid(draft.grid.origin, draft.grid.voxel * 2 ** (draft.grid.depth - 1), 1)
    return in_anchors(draft, grid, np.zeros(1, np.uint64), np.zeros(2, np.int64), np.arange(2), networks, nothing, nothing)


@pytest.mark.parametrize(
    "given",
    [
        {"slots": 0}, {"slots": 49}, {"hidden": 257}, {"latent": 65}, {"hyper": -1}, {"latent_step": 1e-4}, {"hyper_step": 0.3},
        {"hyper_step": 256.0}, {"resolutions": (1, 4)}, {"resolutions": (2,) * 13}, {"features": 9}, {"features": 8, "resolutions": (2,) * 9},
        {"table": 100}, {"table": 1 << 16}, {"coarser": -1}, {"iterations": -1}, {"rate": float("nan")},
    ],
)  # fmt: skip
def test_parts_that_no_file_holds(given: dict):
    with pytest.raises(InputError, match=next(iter(given))):
        Parts(**given)
