"""Frames that follow another one: native decoder against reference decoder, on sound payloads and on damaged ones."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile import Forcing, forced_file, random_bits
from hypothesis import given, settings
from hypothesis import strategies as st
from parity import assert_same_bytes
from scenes_for_tests import random_scene

from gscompress import load
from gscompress._native import core, sound
from gscompress.bitstream.container import MAX_SPLATS, Header
from gscompress.draft import Encoded
from gscompress.encoder import Encoder, plan
from gscompress.errors import Corrupt, FormatError, Truncated, Unsupported
from gscompress.following import Reference
from gscompress.model import voxels
from gscompress.model.steps import Params
from gscompress.reference_decoder.following import (
    ENTRY,
    Block,
    FollowingDecoder,
    State,
    following_state,
    key_state,
)
from gscompress.reference_decoder.rotation import Rotation
from gscompress.reference_decoder.splats import Splat
from gscompress.scene import Scene

SCENES = Path(__file__).resolve().parents[2] / "scenes"
NAME = "<bytes>"


def opened(scene: Scene) -> Encoder:
    return Encoder.open(scene, plan("fast", len(scene)), None, lambda share: None)


def native_key(data: bytes) -> Any:
    return sound(core().key_frame(data, MAX_SPLATS, 1), NAME)


def native_following(before: Any, payload: bytes) -> Any:
    return sound(core().following_frame(before, payload, MAX_SPLATS, 1), NAME)


def native_scene(frame: Any) -> Scene:
    *arrays, antialiased = frame.arrays(1)
    return Scene(*arrays, antialiased=antialiased)


def moved(scene: Scene, seed: int, share: float = 0.7, shift: float = 0.02) -> Scene:
    """The scene a little later: all of it drifts and jitters, and of some there are others, or two."""
    random = np.random.default_rng(seed)
    n = len(scene)
    rows = np.where(random.random(n) < share, np.arange(n), random.integers(0, max(n, 1), n))
    s = scene.select(rows)
    some = random.random(n) < 0.5

    def jittered(values: np.ndarray, size: float) -> np.ndarray:
        noise = random.normal(0, size, values.shape) * some.reshape(-1, *[1] * (values.ndim - 1))
        return (values + noise).astype(np.float32)

    strangers = random.random(n) < 0.1
    means = jittered(s.means + np.float32(shift), 0.5 * shift)
    means[strangers] += np.float32(30) * shift
    return Scene(
        means, jittered(s.quats, 0.05), jittered(s.log_scales, 0.1), jittered(s.opacity_logits, 0.2), jittered(s.sh, 0.03), scene.antialiased
    )  # fmt: skip


def chain(scenes: list[Scene], slope: float = 1e-3) -> tuple[bytes, list[bytes]]:
    """A key frame's file and the payloads of the frames that follow, each the one before it."""
    key = opened(scenes[0]).encode(slope, 0, lambda share: None)
    reference, payloads = Reference.of_key(key), []
    for scene in scenes[1:]:
        made = opened(scene).follow(reference, slope, 0, lambda share: None)
        payloads.append(made.payload)
        reference = made.reference
    return key.pack({}), payloads


def assert_chain_parity(data: bytes, payloads: Iterable[bytes]) -> tuple[Any, State]:
    """Both decode all frames to the same bytes; the last one's states."""
    frame, state = native_key(data), key_state(data)
    assert_same_bytes(native_scene(frame), state.scene)
    for payload in payloads:
        frame, state = native_following(frame, payload), following_state(state, payload)
        assert native_scene(frame).finite().all()
        assert_same_bytes(native_scene(frame), state.scene)
    return frame, state


@pytest.mark.parametrize(("degree", "slope"), [(0, 1e-3), (1, 1e-3), (3, 1e-3), (3, 1e-6)])
def test_chain(monkeypatch, degree, slope):
    monkeypatch.setattr(voxels, "BLOCK_SPLATS", 60)
    first = random_scene(150, degree, degree)
    scenes = [first, moved(first, 1), moved(moved(first, 1), 2, 0.5, 0.1)]
    data, payloads = chain(scenes, slope)
    frame, state = assert_chain_parity(data, payloads)
    assert len(state.blocks) > 1
    entries = [ENTRY.unpack_from(payloads[0], ENTRY.size * b) for b in range(len(state.blocks))]
    splats, fresh, _, harmonics = (sum(column) for column in zip(*entries, strict=True))
    assert 0 < fresh < splats
    assert bool(harmonics) == bool(degree)
    assert len(frame) > 100


def test_the_encoder_has_what_decoders_get():
    first = random_scene(60, 1)
    key = opened(first).encode(1e-3, 0, lambda share: None)
    made = opened(moved(first, 3)).follow(Reference.of_key(key), 1e-3, 0, lambda share: None)
    _, state = assert_chain_parity(key.pack({}), [made.payload])
    assert_same_bytes(made.reference.scene, state.scene)


@pytest.mark.parametrize("name", ["tile", "shapes_sh3"])
def test_scenes(name):
    scene = load(SCENES / f"{name}.ply")
    random = np.random.default_rng(0)
    scene = scene.select(np.sort(random.permutation(len(scene))[:300]))
    size = float(np.ptp(scene.means, axis=0).max())
    frame, _ = assert_chain_parity(*chain([scene, moved(scene, 1, shift=1e-3 * size)], 1e-2))
    assert len(frame) > 30


def test_empty_frames():
    """A frame without splats, whose key has some; the next one has only fresh ones."""
    data, (payload,) = chain([random_scene(20, 1), random_scene(20, 1)])
    frame, state = native_key(data), key_state(data)
    nothing = quiet(frame)
    assert_chain_parity(data, [nothing])
    empty, bare = native_following(frame, nothing), following_state(state, nothing)
    assert len(empty) == 0 == len(bare.scene)
    again = fresh_only(empty, 5)
    assert_same_bytes(native_scene(native_following(empty, again)), following_state(bare, again).scene)
    assert len(native_following(empty, again)) == 5
    with pytest.raises(FormatError):
        native_following(empty, payload)


def quiet(frame: Any) -> bytes:
    """A payload in which nothing follows `frame`."""
    return follow(frame, 0)


def fresh_only(frame: Any, n: int) -> bytes:
    """A payload of `n` splats without parents."""
    return follow(frame, n)


def follow(frame: Any, n: int) -> bytes:
    random = np.random.default_rng(n)
    blocks = len(frame.block_splats)
    counts = [n] + [0] * (blocks - 1)
    return core().follow(
        frame, counts, counts, np.full(n, -1, np.int32), np.zeros(n, np.uint64), random.normal(-3, 1, (n, 7)), np.tile(np.eye(3), (n, 1, 1)),
        np.zeros((n, 3)), np.ones((n, 2)), np.full((n, 2), 5, np.int32), np.zeros((n, len(frame.basis)), np.float32), 1,
    )[0]  # fmt: skip


def test_empty_key():
    data = Encoded.empty(random_scene(0, 1)).pack({})
    frame = native_key(data)
    frame, state = assert_chain_parity(data, [fresh_only(frame, 0), fresh_only(frame, 7)])
    assert len(frame) == 7 == len(state.scene)


def verdict(decode: Any, *arguments: Any) -> Any:
    """The scene, or all that is said of what is wrong."""
    try:
        out = decode(*arguments)
        return out.scene if isinstance(out, State) else native_scene(out)
    except FormatError as error:
        return type(error), error.field, error.expected, error.found


def assert_same_verdict(frame: Any, state: State, payload: bytes) -> Any:
    native, reference = verdict(native_following, frame, payload), verdict(following_state, state, payload)
    if isinstance(native, Scene) and isinstance(reference, Scene):
        assert native.finite().all()
        assert_same_bytes(native, reference)
    else:
        assert native == reference
    return native


@cache
def sound_frames() -> tuple[Any, State, bytes]:
    """A frame and a payload that follows it, of two blocks."""
    before, voxels.BLOCK_SPLATS = voxels.BLOCK_SPLATS, 20
    try:
        first = random_scene(30, 1, 5)
        data, (payload,) = chain([first, moved(first, 6, 0.5)], 1e-4)
    finally:
        voxels.BLOCK_SPLATS = before
    return native_key(data), key_state(data), payload


def test_damage():
    """Every byte, changed; some of what comes of it is no encoder's, but sound."""
    frame, state, payload = sound_frames()
    head = ENTRY.size * len(state.blocks)
    random = np.random.default_rng(0)
    verdicts = []
    for at in range(len(payload)):
        if at >= head and at % 2:  # the reference is slow
            continue
        damaged = bytearray(payload)
        damaged[at] ^= int(random.integers(1, 256))
        verdicts.append(assert_same_verdict(frame, state, bytes(damaged)))
    found = {v if isinstance(v, Scene) else v[3] for v in verdicts if not isinstance(v, Scene)}
    assert len(found) > 5, found


def test_random_streams():
    """Nothing but noise after the table: large symbols, and mostly refusals."""
    frame, state, payload = sound_frames()
    head = ENTRY.size * len(state.blocks)
    for seed in range(60):
        random = np.random.default_rng(seed)
        body = random.integers(0, 256, len(payload) - head, np.uint8)
        if seed % 3:  # symbols are small until here
            start = int(random.integers(0, len(body)))
            body[:start] = np.frombuffer(payload, np.uint8)[head : head + start]
        assert_same_verdict(frame, state, payload[:head] + body.tobytes())


def test_truncation():
    frame, state, payload = sound_frames()
    for size in range(len(payload)):
        found = assert_same_verdict(frame, state, payload[:size])
        assert found[0] is Corrupt
    assert assert_same_verdict(frame, state, payload + b"\0") == (Corrupt, "following", f"{len(payload)} bytes", f"{len(payload) + 1} bytes")


class Forced(FollowingDecoder):
    """Each splat has one child; its symbols are random, except where most of what is random is refused."""

    def __init__(self, params: Params, before: Block, seed: int) -> None:
        super().__init__(params, before)
        self.random, self.children = np.random.default_rng(seed), itertools.cycle([1, 0])

    def payload(self, harmonics: bool) -> tuple[bytes, bytes]:
        """The streams."""
        io = Forcing(self.children)
        self.decode_geometry(io, len(self._before.splats), 0)
        sh = Forcing(random_bits(self.random))
        if harmonics:
            self.decode_harmonics(sh)
        return io.encoder.finish(), sh.encoder.finish()

    def _child(self, io: Any, row: int, parent: Splat) -> None:
        io.bits = random_bits(self.random)
        super()._child(io, row, parent)
        io.bits = self.children

    def _classes(self, io: Any, s: Splat, parent: Splat) -> None:
        bits = []
        for own in (parent.geometry_class, parent.color_class):
            one_off = self.random.random() < 0.5
            up = own == 0 or (own < 15 and self.random.random() < 0.5)
            bits += [0, int(not up), 0] if one_off else [1]  # not zero, sign, the lowest bucket
        io.bits = iter(bits)
        super()._classes(io, s, parent)
        io.bits = random_bits(self.random)

    def _component(self, io: Any, which: int, bits: int, expected: int, size: int) -> tuple[int, int]:
        if which < 2:
            io.bits = iter([0, int(expected > 0), 0] if self.random.random() < 0.8 else [1])
        out = super()._component(io, which, bits, expected, size)
        io.bits = random_bits(self.random)
        return out

    def _code_rotation(self, io: Any, r: Rotation, parent: Rotation) -> None:
        if parent.needle == r.needle and r.bits > 0 and parent.bits > 0:
            io.bits = itertools.chain([int(self.random.random() < 0.8)], random_bits(self.random))  # is it steady?
        super()._code_rotation(io, r, parent)


def integers(low: int, high: int, n: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.tuples(*[st.one_of(st.integers(low, high), st.sampled_from([low, high, 0]))] * n)


HEADERS = st.builds(
    Header,
    splats=st.just(0), sh_degree=st.integers(1, 3), sh_components=st.just(0), depth=st.sampled_from([1, 2, 7, 20, 21]), lowest_class=st.just((7, 3)),
    blocks=st.just(1), origin=st.tuples(*[st.floats(-1e30, 1e30)] * 3), voxel=st.one_of(st.floats(1e-20, 1e20), st.sampled_from([1e-20, 1.0, 1e20])),
    view_centre=st.tuples(*[st.integers(-(1 << 26), 1 << 26)] * 3), view_radius=st.just(1), log2_footprint=st.integers(-(128 << 12), 128 << 12),
    log2_step=st.one_of(integers(-400, 400, 6), integers(-32768, 32767, 6)), mean=integers(-(1 << 20), 1 << 20, 7), predictor=integers(-400, 400, 70),
    antialiased=st.booleans(),
)  # fmt: skip


@settings(deadline=None, max_examples=25)
@given(header=HEADERS, components=st.sampled_from([0, 1, 3, 7]), n=st.integers(1, 10), seed=st.integers(0, 1 << 30))
def test_forced_symbols(header, components, n, seed):
    """The longest codes, saturated values, motions and steps at their limits: the same bytes, and finite."""
    random = np.random.default_rng(seed)
    basis = random.integers(-127, 128, (components, 3 * ((header.sh_degree + 1) ** 2 - 1)))
    codes = [[sorted(random.integers(0, 8**header.depth, n, np.uint64).tolist()) for _ in range(2)]]
    data = forced_file(header, basis, codes, seed)
    state, payloads = key_state(data), []
    for k in range(3):
        geometry, harmonics = Forced(state.params, state.blocks[0], seed + k).payload(components > 0)
        payloads.append(ENTRY.pack(2 * n, 0, len(geometry), len(harmonics)) + geometry + harmonics)
        state = following_state(state, payloads[-1])
    assert_chain_parity(data, payloads)


def changed(payload: bytes, block: int, index: int, value: int) -> bytes:
    out = bytearray(payload)
    struct.pack_into("<I", out, ENTRY.size * block + 4 * index, value)
    return bytes(out)


def test_counts_that_lie():
    frame, state, payload = sound_frames()
    for block in range(len(state.blocks)):
        entry = ENTRY.unpack_from(payload, ENTRY.size * block)
        for index in range(4):
            for value in {0, 1, entry[index] - 1, entry[index] + 1, 1 << 16, 1 << 31, (1 << 32) - 1} - {entry[index]}:
                if value >= 0:
                    found = assert_same_verdict(frame, state, changed(payload, block, index, value))
                    assert not isinstance(found, Scene)
    splats, fresh, size, _ = ENTRY.unpack_from(payload, 0)
    assert assert_same_verdict(frame, state, changed(payload, 0, 1, splats + 1))[1:] == ("following.block 0.fresh", f"at most {splats}", f"{splats + 1}")
    most = len(state.blocks[0].splats) + 8 * (size + 1)
    assert assert_same_verdict(frame, state, changed(payload, 0, 0, most + 1))[1:] == ("following.block 0.splats", f"at most {most}", f"{most + 1}")
    assert fresh <= splats


def test_too_many_splats():
    frame, _, payload = sound_frames()
    with pytest.raises(Unsupported, match=r"following\.splats: expected at most 3, found"):
        sound(core().following_frame(frame, payload, 3, 1), NAME)


def test_the_key_has_to_be_whole():
    key = opened(random_scene(20, 1)).encode(1e-6, 0, lambda share: None)
    data = key.pack({})[: -len(key.sections[-1].payload)]
    for decode in (native_key, key_state):
        with pytest.raises(Truncated, match="sections: expected"):
            decode(data)


def test_the_key_has_splats_by_themselves():
    data = (SCENES.parent / "tests" / "golden" / "anchors" / "good" / "all.gsz").read_bytes()
    for decode in (native_key, key_state):
        with pytest.raises(Unsupported, match="splats by themselves"):
            decode(data)
