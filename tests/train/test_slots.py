"""Who is whose child, as splats move, go and come."""

from __future__ import annotations

import numpy as np
import pytest

from gscompress.model.voxels import Grid, cells

slots_of = pytest.importorskip("gscompress.train.anchors.slots")
NEW, Slots = slots_of.NEW, slots_of.Slots

GRID = Grid((0.0, 0.0, 0.0), 1.0, 3)


def mean(x: float, y: float = 0.5, z: float = 0.5) -> list[float]:
    return [x, y, z]


def check(s, means: np.ndarray) -> None:
    """All that is said of slots, and that every child is near its voxel."""
    assert (np.diff(s.codes.astype(np.int64)) >= 0).all()
    assert np.bincount(s.anchor, minlength=len(s.codes)).min() >= 1
    assert len(np.unique(s.anchor * s.each + s.slot)) == len(s.anchor) == len(means)
    assert s.slot.min() >= 0
    assert s.slot.max() < s.each
    centre = np.array(s.grid.origin) + (cells(s.codes[s.anchor]) + 0.5) * s.grid.voxel
    assert np.abs(means - centre).max() <= 0.5001 * s.grid.voxel
    first = np.bincount(s.anchor)  # no gaps
    assert (s.slot < first[s.anchor]).all()


def test_codes_come_back_as_cells():
    place = np.random.default_rng(0).integers(0, 1 << 21, (200, 3))
    codes = Grid((0.0, 0.0, 0.0), 1.0, 21).morton(place + 0.5)
    np.testing.assert_array_equal(cells(codes), place)


def test_a_voxel_fills_its_anchors_one_after_the_other():
    means = np.array([mean(0.9), mean(1.5), mean(0.2), mean(0.3), mean(0.4)])
    s = Slots.over(GRID, 2, means)
    assert s.codes.tolist() == [0, 0, 1]
    assert s.anchor.tolist() == [1, 2, 0, 0, 1]
    assert s.slot.tolist() == [1, 0, 0, 1, 0]
    check(s, means)


def test_anchors_go_on_from_what_their_first_children_had():
    before = Slots.over(GRID, 2, np.array([mean(0.2), mean(0.3), mean(1.5), mean(4.5)]))
    assert before.anchor.tolist() == [0, 0, 1, 2]
    moved = np.array([mean(0.3), mean(1.2), mean(1.3), mean(5.5)])  # the first is gone, another moves, the last is new
    after, origin = before.follow(GRID, np.array([1, NEW, 2, NEW]), moved)
    check(after, moved)
    assert after.anchor.tolist() == [0, 1, 1, 2]
    assert origin.tolist() == [0, 1, NEW]


def test_voxels_stay_until_they_would_be_of_another_size():
    means = np.array([mean(0.2), mean(0.3), mean(1.5)])
    before = Slots.over(GRID, 2, means)
    same, _ = before.follow(Grid((0.2, 0.0, 0.0), 1.1, 3), np.array([0, 1, 2]), means)
    assert same.grid == GRID
    wide = Grid((0.0, 0.0, 0.0), 2.0, 2)
    after, origin = before.follow(wide, np.array([0, 1, 2]), means)
    check(after, means)
    assert after.grid == wide
    assert origin.tolist() == [0, 1]


@pytest.mark.parametrize("seed", range(5))
def test_any_change_leaves_slots_in_order(seed: int):
    rng = np.random.default_rng(seed)
    means = rng.uniform(0, 8, (60, 3))
    s = Slots.over(GRID, 3, means)
    check(s, means)
    for _ in range(10):
        rows = np.concatenate([np.flatnonzero(rng.random(len(means)) < 0.9), np.full(8, NEW)])
        means = np.concatenate([means[rows[:-8]] + rng.normal(0, 0.02, (len(rows) - 8, 3)), rng.uniform(0, 8, (8, 3))]).clip(0.01, 7.99)
        after, origin = s.follow(GRID, rows, means)
        check(after, means)
        assert (origin[after.anchor[:-8]] == s.anchor[rows[:-8]]).mean() > 0.8
        s = after
