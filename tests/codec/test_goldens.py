"""Files that were written once: the good decode to the same bytes for ever, the bad are refused for the same reason."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from parity import ARRAYS, assert_parity

import gscompress
from gscompress import codec, errors, reference_decoder

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "golden"
GOOD = FOLDER / "v1" / "good"


def facts_of(verdict: str) -> dict[str, dict]:
    """What the manifests say, by folder and name."""
    read = {kind: json.loads((FOLDER / kind / verdict / "manifest.json").read_text(encoding="utf-8")) for kind in ("v1", "anchors")}
    return {f"{kind}/{verdict}/{name}": facts for kind, entries in read.items() for name, facts in entries.items()}


GOOD_FACTS, BAD_FACTS = facts_of("good"), facts_of("bad")


def test_none_is_missing():
    """Neither a file without facts nor facts without a file; and the folders stay small."""
    least = {"v1/good": 15, "v1/bad": 45, "anchors/good": 12, "anchors/bad": 20}
    found = {}
    for folder, count in least.items():
        files = {f"{folder}/{path.stem}": path.stat().st_size for path in (FOLDER / folder).glob("*.gsz")}
        assert len(files) >= count
        assert sum(files.values()) < 80_000
        found |= files
    assert set(found) == {*GOOD_FACTS, *BAD_FACTS}


@pytest.mark.parametrize("name", GOOD_FACTS)
def test_good(name):
    facts, data = GOOD_FACTS[name], (FOLDER / f"{name}.gsz").read_bytes()
    assert hashlib.sha256(data).hexdigest() == facts["file_sha256"]
    decoded = codec.decode(data, partial=facts["partial"])
    scene = assert_parity(data, facts["partial"])
    assert scene.finite().all()
    found = {
        "partial": facts["partial"],
        "splats": len(scene),
        "sh_degree": scene.sh_degree,
        "antialiased": scene.antialiased,
        "chunks": decoded.chunks,
        "chunks_total": decoded.chunks_total,
        "file_sha256": facts["file_sha256"],
        "sha256": {a: hashlib.sha256(getattr(scene, a).astype("<f4").tobytes()).hexdigest() for a in ARRAYS},
    }
    assert found == facts


@pytest.mark.parametrize("name", BAD_FACTS)
def test_bad(name):
    facts, data = BAD_FACTS[name], (FOLDER / f"{name}.gsz").read_bytes()
    expected = getattr(errors, facts["error"])
    for decode in (codec.decode, reference_decoder.decode):
        with pytest.raises(expected) as caught:
            decode(data, name)
        assert type(caught.value) is expected
        assert (caught.value.file, caught.value.field) == (name, facts["field"])
        assert "\n" not in str(caught.value)
    with pytest.raises(expected):
        gscompress.decompress(data)


def test_they_are_not_written_by_accident():
    done = subprocess.run([sys.executable, str(ROOT / "tools" / "make_goldens.py")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "frozen" in done.stderr


def test_cut_files_say_how_far_they_got():
    data = (GOOD / "cut.gsz").read_bytes()
    described = codec.describe(data)
    assert not described.complete
    decoded = codec.decode(data)
    present = [s for s in described.sections if s.present and s.kind in ("geometry", "harmonics")]
    assert (decoded.chunks, decoded.chunks_total) == (len(present), GOOD_FACTS["v1/good/cut"]["chunks_total"])
    assert 0 < decoded.chunks < decoded.chunks_total
    # What is there is what the whole file has there, harmonics apart.
    whole = codec.decode((GOOD / "blocks.gsz").read_bytes()).scene
    assert np.isin(decoded.scene.means[:, 0], whole.means[:, 0]).all()
