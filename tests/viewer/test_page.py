"""The built page in a browser (viewer/tests/page.test.mjs), with scenes made here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import gscompress
from gscompress import codec
from gscompress.config import CompressOptions
from gscompress.render import synthesise

from .browser import ROOT, missing

BAD = 12


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    (folder / "bad").mkdir()
    shapes, tile = ROOT / "scenes" / "shapes_sh3.ply", ROOT / "scenes" / "tile.ply"
    scene = gscompress.load(shapes)
    small, large = (codec.compress_scene(s, CompressOptions(quality=60, effort="fast")).data for s in (scene, gscompress.load(tile)))
    files = {
        "scene.gsz": small, "large.gsz": large, "truncated.gsz": small[: len(small) * 7 // 10], "garbage.gsz": bytes(range(256)) * 9 + b"x",
        "foreign.spz": b"NGSP" + bytes(60),
    }  # fmt: skip
    for name, data in files.items():
        (folder / name).write_bytes(data)
    frames = (ROOT / "viewer" / "tests" / "sequence" / "shapes.gsz").read_bytes()
    (folder / "frames.gsz").write_bytes(frames)
    (folder / "cut_frames.gsz").write_bytes(frames[: len(frames) * 2 // 3])
    shutil.copy(shapes, folder / "scene.ply")
    shutil.copy(tile, folder / "other.ply")
    for path in sorted((ROOT / "tests" / "golden" / "v1" / "bad").glob("*.gsz"))[:BAD]:
        shutil.copy(path, folder / "bad")
    cameras = [
        {"id": i, "img_name": c.name, "width": c.width, "height": c.height, "position": c.position.tolist(),
         "rotation": c.world_to_camera[:3, :3].T.tolist(), "fx": c.fx, "fy": c.fy}
        for i, c in enumerate(synthesise(scene, 3))
    ]  # fmt: skip
    (folder / "cameras.json").write_text(json.dumps(cameras))
    return folder


def test_in_a_browser(scenes):
    reason = missing()
    if reason:
        pytest.skip(f"no browser tests: {reason}")
    command = ["node", "--test", str(ROOT / "viewer" / "tests" / "page.test.mjs")]
    made = subprocess.run(command, env=os.environ | {"SCENES": str(scenes)}, capture_output=True, text=True, timeout=900)
    assert made.returncode == 0, made.stdout[-6000:] + made.stderr[-2000:]
