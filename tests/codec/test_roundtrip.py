"""What goes in comes out, within the steps that the file states; the same file every time; honest statistics."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from scenes_for_tests import random_scene

import gscompress
from gscompress import codec, draft
from gscompress.bitstream.container import parse
from gscompress.config import CompressOptions
from gscompress.draft import Draft
from gscompress.encoder import Encoder, plan
from gscompress.model.canonical import canonical
from gscompress.model.prediction import DEFAULT
from gscompress.model.steps import ONE, SCALAR_STEP, STEP_SCALE, Params
from gscompress.reference_decoder import _params, block
from gscompress.reference_decoder.splats import Splat, SplatDecoder
from gscompress.scene import Scene

FAST = CompressOptions(quality=70, effort="fast")


def decoded_splats(monkeypatch: pytest.MonkeyPatch, data: bytes) -> tuple[Params, list[Splat], Scene]:
    """The symbols of a file of one block, in the order of the decoded scene."""
    kept: list[SplatDecoder] = []

    class Kept(SplatDecoder):
        def __init__(self, params: Params) -> None:
            super().__init__(params)
            kept.append(self)

    monkeypatch.setattr(block, "SplatDecoder", Kept)
    from gscompress import reference_decoder

    scene = reference_decoder.decode(data).scene
    assert len(kept) == 1
    return _params(parse(data)), kept[0].splats, scene


@pytest.mark.parametrize(("n", "degree", "quality"), [(150, 0, 30), (150, 1, 70), (100, 0, 100)])
def test_errors_are_within_the_steps(monkeypatch, n, degree, quality):
    """Rate-distortion optimisation takes one of the two symbols around a value, or the next one towards zero."""
    monkeypatch.setattr(draft, "THIN_BITS", 1e-30)  # no axis is thickened
    scene = random_scene(n, degree, seed=3)
    encoder = Encoder.open(scene, plan("fast", n), None, lambda share: None)
    file = encoder.encode(encoder.slope(30 + 0.3 * quality), 0, lambda share: None)
    p, splats, decoded = decoded_splats(monkeypatch, file.pack({}))
    source = canonical(scene.select(file.order))
    assert len(decoded) == len(splats) == len(file.order) > n // 4

    value = np.array([s.value for s in splats]) / ONE
    classes = np.array([[s.geometry_class] * 4 + [s.color_class] * 3 for s in splats])
    steps = np.array(p.steps)[np.array(SCALAR_STEP), classes] / ONE
    assert (np.abs(value - source.values) <= 2 * steps + 1 / ONE).all()
    np.testing.assert_allclose(decoded.log_scales, value[:, :3] * np.log(2), rtol=1e-6, atol=1e-7)
    assert p.steps[STEP_SCALE][0] > p.steps[STEP_SCALE][3]

    # Positions: less than a step along each axis of the Gaussian, or half the voxel's diagonal.
    reach = np.exp2(np.array([s.log2_steps for s in splats]) / ONE)
    error = np.linalg.norm(decoded.means.astype(np.float64) - source.means, axis=1)
    assert (error <= np.linalg.norm(reach, axis=1) * 1.001 + 1e-6 * np.abs(source.means).max()).all()

    # Primary axes: within half the diagonal of a cell on the cube's face.
    needle = np.array([s.rotation.needle for s in splats], bool)
    bits = np.array([s.rotation.bits for s in splats])
    axes = canonical(decoded).axes
    assert bits.max() >= 2
    for i in np.flatnonzero(bits > 0):
        found, wanted = axes[i, 0 if needle[i] else 2], source.axes[i, 0 if needle[i] else 2]
        if len(set(decoded.log_scales[i])) == 3 and (np.diff(decoded.log_scales[i]) < 0).all():
            across = np.linalg.norm(np.cross(found, wanted))
            assert across <= np.sqrt(2) * 2.0 ** -bits[i] + 1e-5


def test_thin_axes_are_thickened_where_nobody_sees_it(monkeypatch):
    scene = random_scene(300, 0, seed=4)
    scene = Scene(scene.means, scene.quats, scene.log_scales - np.array([0, 0, 9], np.float32), scene.opacity_logits, scene.sh)
    encoder = Encoder.open(scene, plan("fast", 300), None, lambda share: None)
    slope = encoder.slope(45)
    thick = encoder.encode(slope, 0, lambda share: None)
    with monkeypatch.context() as patch:
        patch.setattr(draft, "THIN_BITS", 1e-30)
        thin = encoder.encode(slope, 0, lambda share: None)
    assert len(thick.pack({})) < 0.97 * len(thin.pack({}))
    assert encoder.judge(thick).psnr > encoder.judge(thin).psnr - 0.5  # pyright: ignore[reportOptionalOperand]
    assert thick.decode().log_scales.min(1).mean() > thin.decode().log_scales.min(1).mean() + 1
    blur, ratios = np.ones(3), np.array([1e-9, 1e3, 1e6])
    least = draft.least_scales(blur, ratios)
    assert least[0] == draft.THICKEST + np.log2(draft.BLUR_SIGMA)
    assert (np.diff(least) < 0).all()  # the more it weighs, the thinner it may be


def test_counts_and_flags():
    scene = random_scene(80, 2)
    scene = Scene(scene.means, scene.quats, scene.log_scales, scene.opacity_logits, scene.sh, antialiased=True)
    made = codec.compress_scene(scene, FAST)
    again = gscompress.decompress(made.data)
    assert made.splats_in == 80
    assert 0 < len(again) == made.splats_out <= 80
    assert (again.sh_degree, again.antialiased) == (2, True)
    assert again.finite().all()
    described = codec.describe(made.data)
    assert (described.splats, described.sh_degree, described.complete) == (made.splats_out, 2, True)
    assert sum(s.size_bytes for s in described.sections) == described.size_bytes == len(made.data)
    assert described.about["splats_in"] == 80


@pytest.mark.parametrize("degree", range(4))
def test_no_splats_and_one(degree):
    for n in (0, 1):
        scene = random_scene(n, degree)
        decoded = gscompress.decompress(codec.compress(scene, FAST))
        assert (len(decoded), decoded.sh_degree) == (n, degree)
    assert np.abs(decoded.means - scene.means).max() < 2 * np.exp(scene.log_scales).max()


def test_input_is_left_alone():
    scene = random_scene(40, 1)
    before = [getattr(scene, name).copy() for name in ("means", "quats", "log_scales", "opacity_logits", "sh")]
    codec.compress(scene, FAST)
    for name, copy in zip(("means", "quats", "log_scales", "opacity_logits", "sh"), before, strict=True):
        np.testing.assert_array_equal(getattr(scene, name), copy)


SCRIPT = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
from scenes_for_tests import random_scene
from gscompress import codec
from gscompress.config import CompressOptions
from gscompress.model import voxels
voxels.BLOCK_SPLATS = 64
data = codec.compress(random_scene(200, 1), CompressOptions(effort=sys.argv[2]))
scene = codec.decode(data).scene
print(hashlib.sha256(data).hexdigest(), hashlib.sha256(scene.means.tobytes() + scene.sh.tobytes()).hexdigest())
"""


@pytest.mark.parametrize("effort", ["fast", "normal"])
def test_same_bytes_every_time(tmp_path, effort):
    """In other processes, with other hash seeds, with one thread and with two."""
    found = set()
    for threads, seed in (("1", "0"), ("2", "1"), ("2", "2")):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, os.path.dirname(os.path.dirname(__file__)), effort],
            env={**os.environ, "GSCOMPRESS_THREADS": threads, "PYTHONHASHSEED": seed},
            cwd=tmp_path, capture_output=True, text=True, check=True, timeout=300,
        )  # fmt: skip
        found.add(done.stdout)
    assert len(found) == 1


def test_repeated_in_one_process():
    scene = random_scene(100, 3)
    assert len({hashlib.sha256(codec.compress(scene, FAST)).hexdigest() for _ in range(2)}) == 1


@pytest.mark.parametrize("degree", [0, 3])
def test_statistics_are_the_bytes(degree):
    """The bits that the coder adds up by group are those of the chunks, within 1 % and 100 bytes."""
    scene = random_scene(4000, degree, seed=5)
    encoder = Encoder.open(scene, plan("fast", len(scene)), None, lambda share: None)
    draft = Draft.of(scene, np.arange(len(scene)), encoder.weights, encoder.slope(45.0))
    run = draft.run(DEFAULT, draft.basis.shape[0])
    geometry, harmonics = (sum(len(c) for b in chunks for c in b) for chunks in (run.geometry, run.harmonics))
    for bits, size in ((run.bits[:7].sum(), geometry), (run.bits[7], harmonics)):
        assert abs(bits / 8 - size) <= 0.01 * size + 100
    assert (run.bits[:7] > 0).all()
    assert geometry > 10_000
