"""FORMAT.md says what the code does, where that is cheap to check."""

from __future__ import annotations

import itertools
import re
import zlib
from pathlib import Path

import numpy as np
import pytest

import gscompress.bitstream
from gscompress.bitstream import anchor_heads, container
from gscompress.entropy import decisions, range_coder, symbols
from gscompress.model import cells, steps
from gscompress.reference_decoder import rotation, splats
from gscompress.reference_decoder.following import MOTION_SHIFTS, Block, FollowingDecoder

TEXT = (Path(gscompress.bitstream.__file__).parent / "FORMAT.md").read_text(encoding="utf-8")
SEQUENCES = (Path(gscompress.bitstream.__file__).parent / "SEQUENCES.md").read_text(encoding="utf-8")
TABLES = {
    "squash": decisions.SQUASH,
    **{f"rate{i}": decisions.RATES[i] for i in range(1, decisions.MAX_CONTEXTS + 1)},
    "hypot": steps.HYPOT,
    "sinh": steps.SINH,
    "log2": steps.LOG2,
}


def rows(heading: str) -> list[list[str]]:
    """Cells of the first table under a heading, header row apart."""
    section = TEXT.split(f"\n{heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.parametrize("name", TABLES)
def test_checksums_of_the_tables(name):
    """CRC32 of the values as little-endian int32."""
    table = TABLES[name]
    checksum = zlib.crc32(np.array(table, "<i4").tobytes())
    assert f"| `{name}` | {len(table)} | `{checksum:08x}` |" in TEXT


SIZES = {"u8": 1, "u16": 2, "i16": 2, "u32": 4, "i32": 4, "f64": 8, "bytes": 1}


@pytest.mark.parametrize(("heading", "size"), [("## Header", container.FIXED_HEADER), ("## Section table", container.ENTRY.size)])
def test_offsets_follow_from_the_types(heading, size):
    at = 0
    for offset, kind, *_ in rows(heading):
        assert int(offset) == at
        found = re.fullmatch(r"(\w+)(?:\[(\d+)\])?", kind)
        assert found, kind
        at += SIZES[found[1]] * int(found[2] or 1)
    assert at == size
    assert f"{size} bytes" in TEXT


def test_registry():
    registry = {row[0]: row[2] for row in rows("## Section types")}
    for kind, name in container.KINDS.items():
        assert registry[f"{kind}" if kind < container.ANCILLARY else f"{kind:#06x}"] == name
    assert "21–31" in registry


def test_constants():
    for text in (
        f"min(n_i + 1, {decisions.SEEN_LIMIT})", f"more than {'eight' if range_coder.AHEAD == 8 else '?'} bytes", f"MAX_BUCKET = {symbols.MAX_BUCKET}",
        f"{symbols.SIGNED_NODES} nodes", f"{container.MAX_SPLATS_PER_BYTE} · (size + 1)", f"2^{container.MAX_SPLATS.bit_length() - 1} splats",
        f"ratio ≤ {splats.NOTHING_TO_SAY}".replace("-", "−"), f"TOP = {rotation.TOP}", f"{cells.COUNT_LIMIT}",
        ", ".join(map(str, cells._RECIPROCAL)), f"{anchor_heads.MAX_SYMBOLS_PER_BYTE} · (bytes of the stream + 1)",
        f"2^{anchor_heads.MAX_WORK_PER_BYTE.bit_length() - 1} · (size + 1)", f"1 to {anchor_heads.MAX_SLOTS}; children",
        f"levels, 1 to {anchor_heads.MAX_LEVELS}; u8 features F, 1 to {anchor_heads.MAX_FEATURES}",
    ):  # fmt: skip
        assert " ".join(text.split()) in " ".join(TEXT.split()), text


def test_model_sizes():
    """Every family of decisions, with its nodes and contexts."""
    from gscompress.entropy.decisions import Decisions
    from gscompress.reference_decoder.harmonics import HarmonicsDecoder
    from gscompress.reference_decoder.octree import OctreeDecoder
    from gscompress.reference_decoder.rotation import RotationDecoder

    params = steps.Params(1, (0, 0, 0), 1.0, (0,) * 6, (0, 0, 0), 1, 0, (0,) * 7, ((0,) * 10,) * 7, np.zeros((0, 0), np.int64))
    s, o, r, h = splats.SplatDecoder(params), OctreeDecoder(), RotationDecoder(), HarmonicsDecoder(0)
    families = {
        "occupancy": o._occupancy, "count": o._count, "class": s._class, "color_class": s._color_class, "scalar": s._scalar[0],
        "face": r._face, "bits": r._bits, "offset": s._offset, "sh_count": h._count, "sh_value": h._value,
        "basis": Decisions(symbols.SIGNED_NODES, (64,)),
    }  # fmt: skip
    for name, model in families.items():
        ends = [*model._offsets, len(model._terms)]
        contexts = ", ".join(str((b - a) // model._nodes) for a, b in itertools.pairwise(ends))
        assert f"| `{name}` | {model._nodes} | {contexts} |" in TEXT, name


def test_model_sizes_of_anchors():
    from gscompress.entropy.decisions import Decisions
    from gscompress.model.anchors import AnchorNetworks, IntegerNetwork
    from gscompress.reference_decoder.anchors import AnchorDecoder
    from gscompress.reference_decoder.networks import NetworkDecoder

    def sizes(model: Decisions) -> list[int]:
        ends = [*model._offsets, len(model._terms)]
        return [(b - a) // model._nodes for a, b in itertools.pairwise(ends)]

    none = IntegerNetwork(())
    networks = AnchorNetworks(7, np.ones(5, np.uint16), np.ones(3, np.uint16), None, none, none, none)
    params = steps.Params(1, (0, 0, 0), 1.0, (0,) * 6, (0, 0, 0), 1, 0, (0,) * 7, ((0,) * 10,) * 7, np.zeros((0, 0), np.int64))
    a, n = AnchorDecoder(params, networks, (3, 15)), NetworkDecoder()
    families = {"shift": n._shifts, "bias": n._biases, "weight": n._weights}
    for name, model in families.items():
        assert f"| `{name}` | {model._nodes} | {', '.join(map(str, sizes(model)))} |" in TEXT, name
    assert [sizes(v._model) for v in (a._hyper, a._latent)] == [[32, 3, 8 * 3], [32, 5, 8 * 5]]
    assert "| `hyper` | 96 | 32, H, 8 H |" in TEXT
    assert sizes(a._presence) == [16, 7, 256]
    assert "| `presence` | 1 | 16, K, 256 |" in TEXT
    assert [sizes(a.splats._scalar[0]), sizes(a.splats._offset)] == [[16, 32, 49, 25], [64, 128]]
    assert "`scalar` has 16, 32, 49, 25\nvalues and `offset` 64, 128" in TEXT


def test_model_sizes_of_following_frames():
    params = steps.Params(1, (0, 0, 0), 1.0, (0,) * 6, (0, 0, 0), 1, 0, (0,) * 7, ((0,) * 10,) * 7, np.zeros((0, 0), np.int64))
    f = FollowingDecoder(params, Block())
    families = {"children": f._children, "class_change": f._class, "change": f._scalar[0], "turn": f._rotation, "move": f._offset}
    for name, model in families.items():
        ends = [*model._offsets, len(model._terms)]
        contexts = ", ".join(str((b - a) // model._nodes) for a, b in itertools.pairwise(ends))
        assert f"| `{name}` | {model._nodes} | {contexts} |" in SEQUENCES, name
    assert "code >> {} (fine) and code >> {} (coarse), of a place's".format(*MOTION_SHIFTS) in " ".join(SEQUENCES.split())
