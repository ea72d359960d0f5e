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


def slots(*voxel_anchor_slot: tuple[int, int, int], each: int = 2):
    """Voxels are along x, where a Morton code below 2 is the cell itself."""
    voxels, anchor, slot = np.array(voxel_anchor_slot).T
    codes = np.zeros(anchor.max() + 1, np.uint64)
    codes[anchor] = voxels
    return Slots(GRID, each, codes, anchor, slot)


def check(s, means: np.ndarray) -> None:
    """All that is said of slots, and that every child is near its voxel."""
    assert (np.diff(s.codes.astype(np.int64)) >= 0).all()
    assert np.bincount(s.anchor, minlength=len(s.codes)).min() >= 1
    assert len(np.unique(s.anchor * s.each + s.slot)) == len(s.anchor) == len(means)
    assert s.slot.min() >= 0
    assert s.slot.max() < s.each
    centre = np.array(s.grid.origin) + (cells(s.codes[s.anchor]) + 0.5) * s.grid.voxel
    assert np.abs(means - centre).max() <= 0.75 * s.grid.voxel


def test_codes_come_back_as_cells():
    place = np.random.default_rng(0).integers(0, 1 << 21, (200, 3))
    codes = Grid((0.0, 0.0, 0.0), 1.0, 21).morton(place + 0.5)
    np.testing.assert_array_equal(cells(codes), place)


def test_who_goes_leaves_a_free_slot_and_an_empty_anchor_goes():
    before = slots((0, 0, 0), (0, 0, 1), (1, 1, 0))
    means = np.array([mean(0.5), mean(0.6), mean(1.5)])
    after, origin = before.renewed(np.array([1, 2]), means[1:])
    assert (after.anchor.tolist(), after.slot.tolist(), origin.tolist()) == ([0, 1], [1, 0], [0, 1])
    after, origin = before.renewed(np.array([0, 1]), means[:2])
    assert (after.codes.tolist(), origin.tolist()) == ([0], [0])


def test_who_moves_takes_a_free_slot_or_a_new_anchor():
    before = slots((0, 0, 0), (0, 0, 1), (1, 1, 1))
    after, origin = before.renewed(np.arange(3), np.array([mean(0.5), mean(1.4), mean(1.5)]))
    assert (after.anchor.tolist(), after.slot.tolist(), origin.tolist()) == ([0, 1, 1], [0, 0, 1], [0, 1])
    after, origin = before.renewed(np.arange(3), np.array([mean(0.5), mean(1.2), mean(0.8)]))  # at the face: as they were
    assert (after.anchor.tolist(), after.slot.tolist()) == ([0, 0, 1], [0, 1, 1])
    after, origin = before.renewed(np.arange(3), np.array([mean(0.5), mean(0.5, 0.5, 1.5), mean(1.5)]))
    assert (after.codes.tolist(), origin.tolist()) == ([0, 1, 4], [0, 1, NEW])
    assert (after.anchor[1], after.slot[1]) == (2, 0)


def test_who_is_new_fills_the_voxel_first():
    before = slots((0, 0, 1), (1, 1, 0))
    means = np.array([mean(0.5), mean(1.5), mean(0.2), mean(0.3), mean(0.4), mean(0.9)])
    after, origin = before.renewed(np.array([0, 1, NEW, NEW, NEW, NEW]), means)
    assert after.codes.tolist() == [0, 0, 0, 1]
    assert origin.tolist() == [0, NEW, NEW, 1]
    assert after.anchor[[0, 1]].tolist() == [0, 3]
    assert sorted(zip(after.anchor[2:].tolist(), after.slot[2:].tolist(), strict=True)) == [(0, 0), (1, 0), (1, 1), (2, 0)]


def test_another_size_of_voxels_begins_anew_but_remembers():
    before = slots((0, 0, 0), (0, 0, 1), (1, 1, 0))
    means = np.array([mean(1.5), mean(0.5), mean(4.5)])
    same, _ = before.follow(Grid((0.2, 0.0, 0.0), 1.1, 3), np.array([2, 0, NEW]), means)
    assert same.grid == GRID
    wide = Grid((0.0, 0.0, 0.0), 2.0, 2)
    after, origin = before.follow(wide, np.array([2, 0, NEW]), means)
    check(after, means)
    assert after.grid == wide
    assert origin[after.anchor].tolist() == [1, 1, NEW]
    check(Slots.over(GRID, 2, means), means)


@pytest.mark.parametrize("seed", range(5))
def test_any_change_leaves_slots_in_order(seed: int):
    rng = np.random.default_rng(seed)
    means = rng.uniform(0, 8, (60, 3))
    s, _ = slots((0, 0, 0), each=3).renewed(np.full(60, NEW), means)
    check(s, means)
    for _ in range(10):
        rows = np.concatenate([np.flatnonzero(rng.random(len(means)) < 0.9), np.full(8, NEW)])
        before = means
        means = np.concatenate([before[rows[:-8]] + rng.normal(0, 0.2, (len(rows) - 8, 3)), rng.uniform(0, 8, (8, 3))]).clip(0.01, 7.99)
        after, origin = s.renewed(rows, means)
        check(after, means)
        same = origin[after.anchor[:-8]] == s.anchor[rows[:-8]]
        assert same.mean() > 0.6
        np.testing.assert_array_equal(after.codes[origin != NEW], s.codes[origin[origin != NEW]])
        np.testing.assert_array_equal(after.slot[:-8][same & (np.abs(means[:-8] - before[rows[:-8]]).max(1) < 0.01)], s.slot[rows[:-8]][same & (np.abs(means[:-8] - before[rows[:-8]]).max(1) < 0.01)])
        s = after
