"""Frames that follow another one: the native decoder and the reference give the same bits, and refuse the same."""

from __future__ import annotations

import numpy as np
import pytest
from scenes_for_tests import random_scene

from gscompress._native import core
from gscompress.draft import Encoded
from gscompress.encoder import Encoder, plan
from gscompress.errors import FormatError
from gscompress.following import Reference
from gscompress.reference_decoder.following import following_state, key_state
from gscompress.scene import Scene

ARRAYS = ("means", "quats", "log_scales", "opacity_logits", "sh")


def later(scene: Scene, seed: int, drop: int, born: int) -> Scene:
    """`scene` some time later: every value a little different, some splats gone, others there."""
    random = np.random.default_rng(seed)
    kept = scene.select(random.permutation(len(scene))[drop:])
    new = random_scene(born, scene.sh_degree, seed + 50)
    spread = {"means": 0.01, "quats": 0.02, "log_scales": 0.05, "opacity_logits": 0.1, "sh": 0.02}
    columns = [np.concatenate([getattr(kept, k) + random.normal(0, s, getattr(kept, k).shape), getattr(new, k)]).astype(np.float32) for k, s in spread.items()]
    return Scene(*columns, antialiased=scene.antialiased)


def opened(scene: Scene) -> tuple[Encoder, float]:
    encoder = Encoder.open(scene, plan("fast", len(scene)), None, lambda share: None)
    return encoder, encoder.slope(42.0)


def coded(scenes: list[Scene]) -> tuple[bytes, list[bytes], list[Reference]]:
    """A key frame and a chain of frames, each told by the one before."""
    encoder, slope = opened(scenes[0])
    key = encoder.encode(slope, 0, lambda share: None)
    references, payloads = [Reference.of_key(key)], []
    for scene in scenes[1:]:
        encoder, slope = opened(scene)
        made = encoder.follow(references[-1], slope, 0)
        payloads.append(made.payload)
        references.append(made.reference)
    return key.pack({}), payloads, references


def equal(a: Scene, b: Scene) -> bool:
    return all(np.array_equal(getattr(a, k).view(np.uint32), getattr(b, k).view(np.uint32)) for k in ARRAYS)


@pytest.mark.parametrize("degree", [0, 1, 3])
def test_a_chain_decodes_alike(degree):
    first = random_scene(260, degree, degree)
    second = later(first, 1, 30, 25)
    data, payloads, references = coded([first, second, later(second, 2, 10, 40)])
    state, frame = key_state(data), core().key_frame(data, 1 << 26, 1)
    assert equal(state.scene, references[0].scene)
    for payload, reference in zip(payloads, references[1:], strict=True):
        state, frame = following_state(state, payload), core().following_frame(frame, payload, 1 << 26, 2)
        decoded = Scene(*frame.arrays(1)[:5])
        assert equal(decoded, reference.scene)
        assert equal(state.scene, decoded)


def test_several_blocks_decode_alike(monkeypatch):
    monkeypatch.setattr("gscompress.model.voxels.BLOCK_SPLATS", 80)
    first = random_scene(300, 1, 7)
    data, payloads, references = coded([first, later(first, 3, 20, 30)])
    assert len(references[0].frame.block_splats) > 2
    state = following_state(key_state(data), payloads[0])
    assert equal(state.scene, references[1].scene)


def test_splats_that_have_nothing_in_common():
    data, payloads, references = coded([random_scene(120, 0, 1), random_scene(150, 0, 99)])
    assert equal(following_state(key_state(data), payloads[0]).scene, references[1].scene)


def test_after_an_empty_frame():
    """The encoder makes key frames there; a decoder takes what the format allows."""
    data = Encoded.empty(random_scene(0, 0)).pack({})
    payload = bytes(16)
    assert len(following_state(key_state(data), payload).scene) == 0
    assert len(core().following_frame(core().key_frame(data, 1 << 26, 1), payload, 1 << 26, 1)) == 0


def verdicts(data: bytes, payload: bytes) -> tuple[str | None, str | None]:
    """What is wrong by each decoder, or None; where both decode, they agree."""
    try:
        state = following_state(key_state(data), payload)
        reference = None
    except FormatError as error:
        state, reference = None, error.field
    made = core().following_frame(core().key_frame(data, 1 << 26, 1), payload, 1 << 26, 1)
    if isinstance(made, tuple):
        return reference, made[1]
    assert state is not None
    assert equal(state.scene, Scene(*made.arrays(1)[:5]))
    return reference, None


def test_damage_is_seen_alike():
    first = random_scene(60, 1, 4)
    data, (payload,), _ = coded([first, later(first, 5, 5, 10)])
    random = np.random.default_rng(1)
    cases = [payload[:n] for n in (0, 8, 16, len(payload) // 2, len(payload) - 1)] + [payload + b"\0"]
    for place in (*range(16), *random.integers(16, len(payload), 40)):
        damaged = bytearray(payload)
        damaged[place] ^= 1 << int(random.integers(8))
        cases.append(bytes(damaged))
    refused = 0
    for case in cases:
        reference, native = verdicts(data, case)
        assert reference == native
        refused += native is not None
    assert refused > 10
