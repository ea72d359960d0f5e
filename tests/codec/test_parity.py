"""Native decoder against reference decoder: on encoded scenes, and on symbols and headers that no encoder would choose."""

from __future__ import annotations

import numpy as np
import pytest
from hostile import forced_file
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from parity import assert_parity
from scenes_for_tests import random_scene

from gscompress import codec
from gscompress.bitstream.container import Header
from gscompress.config import CompressOptions
from gscompress.model import voxels
from gscompress.scene import Scene

FEW = settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FEW
@given(
    n=st.integers(0, 120), degree=st.integers(0, 3), seed=st.integers(0, 99), quality=st.integers(1, 100),
    place=st.sampled_from([0, 1e-3, 1.0, 1e6]), size=st.floats(-8, 8), clump=st.booleans(),
)  # fmt: skip
def test_encoded_scenes(monkeypatch, n, degree, seed, quality, place, size, clump):
    monkeypatch.setattr(voxels, "BLOCK_SPLATS", 50)
    scene = random_scene(n, degree, seed)
    means = scene.means * place + (np.float32(1e3) if clump else 0)
    scene = Scene(means, scene.quats, scene.log_scales + size, scene.opacity_logits, scene.sh)
    decoded = assert_parity(codec.compress(scene, CompressOptions(quality=quality, effort="fast")))
    assert decoded.finite().all()
    assert len(decoded) <= n


def integers(low: int, high: int, n: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.tuples(*[st.one_of(st.integers(low, high), st.sampled_from([low, high, 0]))] * n)


HEADERS = st.builds(
    Header,
    splats=st.just(0), sh_degree=st.integers(0, 3), sh_components=st.just(0), depth=st.sampled_from([1, 2, 7, 20, 21]),
    lowest_class=st.sampled_from([(0, 0), (15, 0), (7, 3)]), blocks=st.just(1),
    origin=st.tuples(*[st.floats(-1e30, 1e30)] * 3), voxel=st.one_of(st.floats(1e-20, 1e20), st.sampled_from([1e-20, 1.0, 1e20])),
    view_centre=st.tuples(*[st.integers(-(1 << 26), 1 << 26)] * 3), view_radius=st.one_of(st.just(1), st.integers(1, 1 << 26)),
    log2_footprint=st.integers(-(128 << 12), 128 << 12), log2_step=st.one_of(integers(-400, 400, 6), integers(-32768, 32767, 6)),
    mean=integers(-(1 << 20), 1 << 20, 7), predictor=st.one_of(integers(-400, 400, 70), integers(-32768, 32767, 70)),
    antialiased=st.booleans(),
)  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(header=HEADERS, components=st.sampled_from([0, 1, 3, 7, 15, 31]), n=st.integers(1, 12), seed=st.integers(0, 1 << 30))
def test_forced_symbols(header, components, n, seed):
    """The longest codes, weights at their limits, saturated values: the same bytes, and finite."""
    if header.lowest_class == (0, 0):
        header = Header(**{**vars(header), "lowest_class": (0,)})
    random = np.random.default_rng(seed)
    rest = 3 * ((header.sh_degree + 1) ** 2 - 1)
    basis = random.integers(-127, 128, (components if components <= rest else 0, rest))
    layers = len(header.lowest_class)
    codes = [[sorted(random.integers(0, 8**header.depth, n, np.uint64).tolist()) for _ in range(layers)] for _ in range(2)]
    assert assert_parity(forced_file(header, basis, codes, seed)).finite().all()


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("effort", ["fast", "normal"])
def test_real_scenes(data_dir, effort):
    """Every real scene. Minutes: the reference takes about a millisecond a splat."""
    import gscompress

    for path in sorted(p for p in (data_dir / "splats").rglob("*") if p.suffix in (".ply", ".sog", ".spz", ".splat")):
        scene = gscompress.load(path)
        assert_parity(codec.compress(scene, CompressOptions(effort=effort)))
