"""Sequences of frames: to one file and back."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from scenes_for_tests import random_scene

from gscompress import codec
from gscompress.bitstream.sequence_container import pack_sequence, parse_sequence
from gscompress.errors import FormatError, InputError, Unsupported
from gscompress.model.correspondence import parents
from gscompress.scene import Scene
from gscompress.sequence import SequenceOptions, SequenceReader, compress_frames

ARRAYS = ("means", "quats", "log_scales", "opacity_logits", "sh")
FAST = SequenceOptions(quality=30, effort="fast", keyframe_every=3)


def moved(scene: Scene, step: int) -> Scene:
    """`scene` some time later: drifted a little, in another order, some splats gone and others there."""
    random = np.random.default_rng(step)
    order = random.permutation(len(scene))[: -len(scene) // 20 or None]
    later = scene.select(order)
    means = later.means + np.array([0.01 * step, 0.0, 0.0], np.float32) + random.normal(0, 0.002, later.means.shape).astype(np.float32)
    born = random_scene(len(scene) // 20, scene.sh_degree, 100 + step)
    later = replace(later, means=means)
    return Scene(*(np.concatenate([getattr(later, k), getattr(born, k)]) for k in ARRAYS), antialiased=scene.antialiased)


@pytest.fixture(scope="module")
def frames() -> list[Scene]:
    first = random_scene(1500, 1, 3)
    return [first, *(moved(first, step) for step in range(1, 5))]


@pytest.fixture(scope="module")
def made(frames):
    return compress_frames([lambda scene=scene: scene for scene in frames], FAST)


def same(a: Scene, b: Scene) -> bool:
    return all(np.array_equal(getattr(a, k), getattr(b, k)) for k in ARRAYS)


def test_any_frame_in_any_order_is_the_same(made, frames):
    reader = SequenceReader(made.data)
    assert len(reader) == len(frames) == len(made.frames)
    inorder = [reader.scene(frame) for frame in range(len(frames))]
    for frame in (4, 0, 2, 1, 3, 0):
        assert same(SequenceReader(made.data).scene(frame), inorder[frame])
        assert same(reader.scene(frame), inorder[frame])
    assert [len(scene) for scene in inorder] == [f.splats_out for f in made.frames]


def test_the_middle_frame_of_a_group_is_a_file_by_itself(made):
    assert [f.key for f in made.frames] == [False, True, False, False, True]


def test_frames_that_follow_are_smaller(made):
    sizes = {key: np.mean([f.size_bytes for f in made.frames if f.key == key]) for key in (True, False)}
    assert sizes[False] < 0.7 * sizes[True]


def test_every_frame_is_near_its_scene(made, frames):
    """Every kept splat of a frame that follows lies where one of the input's does."""
    reader = SequenceReader(made.data)
    for frame in (0, 3):
        decoded = reader.scene(frame)
        away = np.linalg.norm(decoded.means[:, None] - frames[frame].means[None], axis=2).min(1)
        assert np.median(away) < 0.02
        assert len(decoded) > 0.3 * len(frames[frame])


def test_the_same_frames_give_the_same_bytes(made, frames):
    assert compress_frames([lambda scene=scene: scene for scene in frames], FAST).data == made.data


def test_a_still_scene_costs_next_to_nothing(frames):
    made = compress_frames([lambda: frames[0]] * 3, FAST)
    key = next(f.size_bytes for f in made.frames if f.key)
    assert all(f.key or f.size_bytes < 0.1 * key for f in made.frames)


@pytest.mark.parametrize("every", [1, 2, 100])
def test_groups_of_any_length(frames, every):
    made = compress_frames([lambda scene=scene: scene for scene in frames[:3]], replace(FAST, keyframe_every=every))
    assert sum(f.key for f in made.frames) == -(-3 // every)
    reader = SequenceReader(made.data)
    assert [len(reader.scene(i)) for i in range(3)] == [f.splats_out for f in made.frames]


def test_empty_frames(frames):
    empty = random_scene(0, 1)
    for scenes in ([empty], [empty, frames[0], empty], [frames[0], empty, frames[1]]):
        reader = SequenceReader(compress_frames([lambda scene=scene: scene for scene in scenes], FAST).data)
        assert [len(reader.scene(i)) > 0 for i in range(len(scenes))] == [len(scene) > 0 for scene in scenes]


def test_times(made):
    reader = SequenceReader(made.data)
    assert reader.fps == Fraction(30)
    assert reader.seconds == pytest.approx(5 / 30)
    assert [reader.at(t) for t in (0, 0.033, 1 / 30, 0.1, 99)] == [0, 0, 1, 3, 4]


def test_a_cut_file_has_the_frames_that_are_there(made):
    reader = SequenceReader(made.data[: -made.frames[3].size_bytes])
    assert reader.present == [0, 1, 2, 4]
    with pytest.raises(InputError, match="frame"):
        reader.scene(3)


def test_frames_of_several_kinds_are_refused(frames):
    with pytest.raises(InputError, match="SH degree"):
        compress_frames([lambda: frames[0], lambda: random_scene(10, 3)], FAST)


def test_no_frames_and_bad_options_are_refused():
    with pytest.raises(InputError, match="frames"):
        compress_frames([], FAST)
    for bad in ({"keyframe_every": 0}, {"fps": Fraction(0)}, {"quality": 0.0}):
        with pytest.raises(InputError):
            replace(FAST, **bad)


def test_one_scene_is_no_sequence_and_the_other_way_round(made, frames):
    with pytest.raises(Unsupported, match="sequence"):
        codec.decode(made.data)
    with pytest.raises(Unsupported):
        SequenceReader(codec.compress(frames[0]))


def test_damage_is_refused_or_changes_nothing_else(made):
    """A byte of a frame that follows, its checksum made to match: an error of the format, or another scene; never a crash."""
    file = parse_sequence(made.data)
    entries = list(file.entries)
    at = next(i for i, e in enumerate(entries) if e.reference != i)
    payload = entries[at].payload
    random = np.random.default_rng(0)
    for place in (*range(16), *random.integers(16, len(payload), 60)):
        damaged = bytearray(payload)
        damaged[place] ^= 1 << int(random.integers(8))
        entries[at] = replace(entries[at], payload=bytes(damaged))
        reader = SequenceReader(pack_sequence(file.rate, entries))
        with suppress(FormatError):
            assert reader.scene(entries[at].frame).finite().all()


def test_parents_are_found_among_many():
    """Of splats that moved by less than they are apart, nearly all find themselves."""
    random = np.random.default_rng(5)
    means = random.uniform(-1, 1, (4000, 3))
    values = random.normal(-5, 1, (4000, 7))
    order = random.permutation(4000)
    axes = np.broadcast_to(np.eye(3), (4000, 3, 3))
    weights = np.full((4000, 2), 100.0)
    found = parents(means[order] + 0.003, axes, values[order], weights, np.full(4000, 0.01), means, values)
    assert (found == order).mean() > 0.97


def test_strangers_have_no_parent():
    values = np.zeros((5, 7))
    far = parents(np.zeros((5, 3)), np.broadcast_to(np.eye(3), (5, 3, 3)), values, np.full((5, 2), 1e4), np.full(5, 1e-3), np.full((9, 3), 7.0), np.full((9, 7), 9.0))
    assert (far == -1).all()
    assert (parents(np.zeros((5, 3)), np.zeros((5, 3, 3)), values, np.ones((5, 2)), np.ones(5), np.zeros((0, 3)), np.zeros((0, 7))) == -1).all()
