"""Quality, target size and target PSNR do what they say, on a small real scene and a generated one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gscompress import codec, encoder
from gscompress.config import CompressOptions
from gscompress.errors import InputError
from gscompress.evaluate.compare import compare_scenes
from gscompress.loading import load
from gscompress.render import synthesise
from gscompress.scene import Scene

SCENES = Path(__file__).resolve().parents[1] / "scenes"


@pytest.fixture(autouse=True)
def few_views(monkeypatch):
    """The rate control is what is tested: a few small views do."""
    whole = encoder.plan
    monkeypatch.setattr(codec, "plan", lambda effort, n: replace(whole(effort, n), alone=6, synthesised=2, width=192, iterations=min(2, whole(effort, n).iterations)))


@pytest.fixture(scope="module")
def tile() -> Scene:
    return load(SCENES / "tile.ply")


@pytest.mark.parametrize("name", ["tile.ply", "shapes_sh3.ply"])
def test_quality_is_monotone(name):
    scene = load(SCENES / name)
    cameras = synthesise(scene, 6, width=192, height=120)
    sizes, scores = [], []
    for quality in (5, 25, 50, 51, 80, 100):
        made = codec.compress_scene(scene, CompressOptions(quality=quality), cameras)
        sizes.append(len(made.data))
        scores.append(compare_scenes(scene, codec.decompress(made.data), cameras).psnr)
    assert sizes == sorted(sizes)
    assert scores == sorted(scores)


@pytest.mark.parametrize("share", [0.3, 0.6])
@pytest.mark.parametrize("effort", ["fast", "normal"])
def test_target_size_lands_within_a_percent_below(tile, share, effort):
    target = int(share * len(codec.compress(tile, CompressOptions(quality=70, effort=effort))))
    made = codec.compress(tile, CompressOptions(target_size=target, effort=effort))
    assert 0.99 * target <= len(made) <= target


@pytest.mark.parametrize("target", [33.0, 42.0])
def test_target_psnr_lands_within_slack_above(tile, target):
    cameras = synthesise(tile, 4, width=192, height=120)
    made = codec.compress_scene(tile, CompressOptions(target_psnr=target), cameras)
    score = compare_scenes(tile, codec.decompress(made.data), cameras).psnr
    assert made.psnr_estimate == pytest.approx(score, abs=1e-3)
    assert target <= score <= target + 0.3


def test_targets_out_of_reach_are_refused(tile):
    with pytest.raises(InputError, match="target_size: expected"):
        codec.compress(tile, CompressOptions(target_size=300))
    with pytest.raises(InputError, match="at most one"):
        CompressOptions(target_size=1000, target_psnr=40)


def test_splats_that_nothing_shows_are_dropped(tile):
    hidden = np.zeros(10, np.int64)
    faint = Scene(
        np.concatenate([tile.means, tile.means[hidden]]), np.concatenate([tile.quats, tile.quats[hidden]]),
        np.concatenate([tile.log_scales, tile.log_scales[hidden]]), np.concatenate([tile.opacity_logits, np.full(10, -12.0)]),
        np.concatenate([tile.sh, tile.sh[hidden]]),
    )  # fmt: skip
    made = codec.compress_scene(faint, CompressOptions(quality=90))
    assert made.splats_in == len(tile) + 10
    assert made.splats_out <= len(tile)
