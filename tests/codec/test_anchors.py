"""Files of anchors: what goes in comes out, native and reference decoder agree, and so do their networks."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from anchors_for_tests import PARTS, packed, random_draft, random_grid, random_network, random_networks
from hypothesis import given, settings
from hypothesis import strategies as st
from parity import assert_parity

from gscompress import codec
from gscompress.anchored import GROUPS, Anchors, native
from gscompress.bitstream import container
from gscompress.model.anchors import NEAR, AnchorNetworks, IntegerNetwork
from gscompress.model.prediction import DEFAULT
from gscompress.model.steps import ONE, log2_integer
from gscompress.scene import Scene

LIMIT = 32767


def assert_close(decoded: Scene, scene: Scene, tolerance: float) -> None:
    """Where a decoded splat is and how large, against what the encoder was given, in the splat's own size."""
    size = np.exp(scene.log_scales.max(1, keepdims=True))
    assert np.median(np.abs(decoded.means - scene.means) / size) < tolerance
    assert np.median(np.abs(np.sort(decoded.log_scales, 1) - np.sort(scene.log_scales, 1))) < tolerance


@pytest.mark.parametrize("absent", [(), *((p,) for p in PARTS), PARTS], ids=lambda a: "-".join(a) or "none")
def test_round_trip_without(absent):
    """All parts, all but one, and none."""
    parts = tuple(p for p in PARTS if p not in absent)
    draft, scene = random_draft(70, 1, len(parts), 4, parts)
    decoded = assert_parity(packed(draft))
    assert decoded.finite().all()
    assert len(decoded) == 70
    assert_close(decoded, scene, 0.3)


@settings(deadline=None, max_examples=12)
@given(
    n=st.integers(1, 60), degree=st.integers(0, 3), seed=st.integers(0, 999), slots=st.sampled_from([1, 2, 5, 48]),
    parts=st.lists(st.sampled_from(PARTS), unique=True).map(tuple), extreme=st.booleans(),
)  # fmt: skip
def test_parity(n, degree, seed, slots, parts, extreme):
    """Also where guesses are far off and numbers at their limits."""
    draft, _ = random_draft(n, degree, seed, slots, parts, extreme)
    assert assert_parity(packed(draft)).finite().all()


def test_no_anchors():
    draft, _ = random_draft(3, 0, 0, 2)
    d = draft.children
    none = np.zeros(0, np.int64)
    s = d.splats
    empty = replace(
        d, splats=replace(s, means=s.means[none], axes=s.axes[none], values=s.values[none]), codes=d.codes[none], classes=d.classes[none],
        ratios=d.ratios[none], coefficients=d.coefficients[none], layout=replace(d.layout, block_layers=[[0]], order=none),
    )  # fmt: skip
    a = draft.anchors
    draft = replace(draft, children=empty, anchors=Anchors(a.codes[none], (0,), a.presence[none], a.hyper[none], a.latent[none], none))
    assert len(assert_parity(packed(draft))) == 0


def test_what_the_networks_say_is_worth_bits():
    """A latent that is where its prior expects it costs next to nothing, one that is not does."""
    draft, _ = random_draft(70, 0, 5, 4, ("grid", "latent"))
    width = draft.networks.grid.width if draft.networks.grid else 0
    size = len(draft.networks.latent_steps)
    draft = replace(draft, networks=replace(draft.networks, latent_steps=np.full(size, 16, np.uint16)))
    sure = random_network(np.random.default_rng(0), width, 2 * size)
    networks = replace(draft.networks, latent_prior=sure)
    condition = native(networks, (3, 15)).condition(draft.anchors.codes, draft.children.grid.depth)
    expected = sure.run(condition)[:, :size].astype(np.int64)
    step = networks.latent_steps.astype(np.int64)
    hit = ((2 * expected + step) // (2 * step)).astype(np.int32)
    bits = [
        replace(draft, networks=n, anchors=replace(draft.anchors, latent=y)).run(DEFAULT, 0).bits[GROUPS.index("latent")]
        for n, y in ((networks, hit), (networks, -hit), (draft.networks, hit))
    ]
    assert bits[0] < 0.25 * min(bits[1:])


def test_bits_add_up():
    draft, _ = random_draft(70, 2, 6, 4)
    run = draft.run(DEFAULT, draft.children.basis.shape[0])
    payload = sum(map(len, (*run.anchors, *run.harmonics, run.networks, run.condition)))
    assert len(run.bits) == len(GROUPS)
    assert abs(run.bits.sum() / 8 - payload) < 0.03 * payload + 8 * 2 * len(run.anchors)


def test_inputs_are_what_the_children_see():
    """Condition, latents and neighbours: the reference finds the same for the first anchor of every block."""
    draft, _ = random_draft(60, 0, 7, 4)
    run = draft.run(DEFAULT, 0, inputs=True)
    n, a = draft.networks, draft.anchors
    assert run.inputs is not None
    assert n.grid
    condition = n.grid.at(a.codes, draft.children.grid.depth)
    hyper, latent = (np.clip(q * s.astype(np.int64), -LIMIT, LIMIT) for q, s in ((a.hyper, n.hyper_steps), (a.latent, n.latent_steps)))
    known = np.concatenate([condition, hyper, latent], axis=1)
    np.testing.assert_array_equal(run.inputs[:, : known.shape[1]], known)
    firsts = np.r_[0, np.cumsum(a.blocks)][:-1]
    near = np.clip(np.array(draft.children.mean) >> 4, -LIMIT, LIMIT)
    spread = (log2_integer(ONE + 1) >> 4) - 256 * 12
    np.testing.assert_array_equal(run.inputs[firsts, known.shape[1] :], np.tile(np.r_[near, near, [spread] * 14], (len(firsts), 1)))
    assert run.expected is not None
    children = np.r_[0, np.cumsum([layers[0] for layers in draft.children.layout.block_layers])][:-1]
    np.testing.assert_array_equal(run.expected[children, 7:], ONE)
    assert draft.run(DEFAULT, 0).inputs is None


@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_networks(seed, extreme):
    """Exact to the last bit, at the limits of every number too."""
    random = np.random.default_rng(seed)
    networks = random_networks(random, int(random.integers(1, 49)), PARTS, extreme)
    core = native(networks, (0, 0))
    for k, network in enumerate((networks.hyper_prior, networks.latent_prior, networks.children)):
        x = random.integers(-32768, 32768, (50, network.layers[0].weights.shape[1])).astype(np.int16)
        x[:10] = random.choice([-32768, 32767, 0], x[:10].shape)
        np.testing.assert_array_equal(core.run(k, x), network.run(x))


def test_sums_do_not_overflow():
    """The widest layer with everything at its limit."""
    layer = random_network(np.random.default_rng(0), 192, 256, True).layers[0]
    for sign in (1, -1):
        full = replace(layer, weights=np.full((21, 256), 127, np.int8), bias=np.full(21, sign * ((1 << 30) - 1), np.int32), shift=np.full(21, 24, np.uint8))
        first = replace(
            full, weights=np.tile(np.eye(NEAR, dtype=np.int8) * 127, (10, 1))[:256], bias=np.full(256, 1 << 29, np.int32), shift=np.zeros(256, np.uint8)
        )
        network = IntegerNetwork((first, replace(full, weights=full.weights * np.int8(sign))))
        networks = AnchorNetworks(1, np.zeros(0, np.uint16), np.zeros(0, np.uint16), None, IntegerNetwork(()), IntegerNetwork(()), network)
        x = np.full((1, NEAR), LIMIT, np.int16)
        found = network.run(x)
        np.testing.assert_array_equal(native(networks, (0, 0)).run(2, x), found)
        assert (found == sign * round((256 * 127 * LIMIT + (1 << 30)) / 2**24)).all()


@pytest.mark.parametrize("depth", [1, 2, 15, 16, 21])
def test_conditions(depth):
    random = np.random.default_rng(depth)
    codes = random.integers(0, 8**depth, 200, np.uint64)
    codes[:2] = 0, 8**depth - 1
    for _ in range(5):
        grid = random_grid(random)
        networks = AnchorNetworks(1, np.zeros(0, np.uint16), np.zeros(0, np.uint16), grid, *[IntegerNetwork(())] * 3)
        found = grid.at(codes, depth)
        assert np.abs(found).max() <= 256
        np.testing.assert_array_equal(native(networks, (0, 0)).condition(codes, depth), found)


def refusals(draft):
    """Changes of a draft that the coder names."""
    a, n = draft.anchors, draft.networks
    layer = n.children.layers[0]

    def first_layer(**changes):
        return replace(draft, networks=replace(n, children=IntegerNetwork((replace(layer, **changes), *n.children.layers[1:]))))

    yield "presence: expected a child", replace(draft, anchors=replace(a, presence=a.presence * 0))
    yield "codes: expected voxels", replace(draft, anchors=replace(a, codes=a.codes[::-1].copy()))
    yield "latent: expected at most", replace(draft, anchors=replace(a, latent=a.latent + (1 << 23)))
    yield "weights: expected -127", first_layer(weights=np.full_like(layer.weights, -128))
    yield "bias: expected less", first_layer(bias=np.full_like(layer.bias, -(1 << 30)))
    yield "shift: expected 0 to 24", first_layer(shift=np.full_like(layer.shift, 25))
    yield "weights: expected .* columns", first_layer(weights=layer.weights[:, 1:])
    yield "slots: expected 1 to 48", replace(draft, networks=replace(n, slots=49))
    yield "cell_shift", replace(draft, cell_shift=(5, 4))
    yield "steps: expected 1 or more", replace(draft, networks=replace(n, latent_steps=n.latent_steps * 0))
    yield "entries: expected -1 and 1", replace(draft, networks=replace(n, grid=replace(n.grid, entries=tuple(e * 0 for e in n.grid.entries))))


def test_arguments_are_checked():
    draft, _ = random_draft(40, 0, 8, 3)
    for text, changed in refusals(draft):
        with pytest.raises(ValueError, match=text):
            changed.run(DEFAULT, 0)


def test_description():
    draft, _ = random_draft(60, 1, 9, 4)
    data = packed(draft)
    kinds = [s.kind for s in codec.describe(data).sections]
    blocks = len(draft.anchors.blocks)
    assert kinds == ["header", "basis", "networks", "condition", *["anchors"] * blocks, *["harmonics"] * blocks]
    assert codec.describe(data).anchors == len(draft.anchors.codes)
    decoded = codec.decode(data)
    assert (decoded.chunks, decoded.chunks_total) == (2 * blocks, 2 * blocks)


def test_cut_where_a_section_ends():
    """A file ends after any section; without networks there is nothing to show yet."""
    draft, _ = random_draft(60, 1, 10, 4)
    data = packed(draft)
    file = container.parse(data)
    ends = list(itertools.accumulate((s.size for s in file.sections), initial=len(data) - sum(s.size for s in file.sections)))
    counts = [len(assert_parity(data[:end])) for end in ends]
    assert counts[:4] == [0] * 4
    assert counts == sorted(counts)
    assert counts[-1] == 60
