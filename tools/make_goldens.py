"""Writes tests/golden: small files with what they decode to, and files that have to be refused.

    python tools/make_goldens.py --write        files that are not there yet

Goldens are frozen: what is there is never touched, and a released version's folder never gets new contents. Run by hand
after `pip install .`; nothing else runs it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "tests" / "golden"
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "codec")]

from anchors_for_tests import (  # noqa: E402  # pyright: ignore[reportMissingImports]
    PARTS,
    forced_anchors,
    packed,
    random_draft,
)
from hostile import (  # noqa: E402  # pyright: ignore[reportMissingImports]
    basis_stream,
    forced_file,
    mended,
    patched,
)
from scenes_for_tests import random_scene  # noqa: E402  # pyright: ignore[reportMissingImports]

import gscompress  # noqa: E402
from gscompress import codec  # noqa: E402
from gscompress.bitstream.container import (  # noqa: E402
    ANCHORS,
    BASIS,
    CONDITION,
    ENTRY,
    FIXED_HEADER,
    GEOMETRY,
    HARMONICS,
    NETWORKS,
    Header,
    Section,
    pack,
    parse,
)
from gscompress.config import CompressOptions  # noqa: E402
from gscompress.errors import FormatError  # noqa: E402
from gscompress.model import voxels  # noqa: E402
from gscompress.scene import Scene, empty_scene  # noqa: E402

FAST = CompressOptions(quality=45, effort="fast")


def small_blocks(scene: Scene, splats: int) -> bytes:
    """`scene` in blocks of at most so many splats."""
    before, voxels.BLOCK_SPLATS = voxels.BLOCK_SPLATS, splats
    try:
        return codec.compress(scene, FAST)
    finally:
        voxels.BLOCK_SPLATS = before


def forced(seed: int) -> bytes:
    """Random symbols under a header of extremes."""
    random = np.random.default_rng(seed)

    def integers(low: int, high: int, n: int) -> tuple[int, ...]:
        return tuple(random.integers(low, high + 1, n).tolist())

    header = Header(
        0, 3, 0, 21, (9, 2, 0), 1, (-1e30, 0.0, 1e30), 1e20, (-(1 << 26), 1 << 26, 0), 1 << 26, 128 << 12,
        integers(-32768, 32767, 6), integers(-(1 << 20), 1 << 20, 7), integers(-32768, 32767, 70),
    )  # fmt: skip
    codes = [[sorted(random.integers(0, 1 << 63, 6, np.uint64).tolist()) for _ in range(3)] for _ in range(2)]
    return forced_file(header, random.integers(-127, 128, (7, 45)), codes, seed)


def payload_at(data: bytes, index: int) -> int:
    """Offset of a section's payload."""
    file = parse(data)
    return FIXED_HEADER + ENTRY.size * len(file.sections) + sum(s.size for s in file.sections[:index])


def entry(index: int, field: int) -> int:
    """Offset of a field, itself at `field`, of a table entry."""
    return FIXED_HEADER + ENTRY.size * index + field


def good() -> Iterator[tuple[str, bytes, bool]]:
    """Name, bytes, whether to decode with `partial`."""
    yield "empty", codec.compress(empty_scene(1), FAST), False
    yield "one", codec.compress(random_scene(1, 0), FAST), False
    for degree, n in ((0, 300), (1, 150), (2, 100), (3, 120)):
        yield f"sh{degree}", codec.compress(random_scene(n, degree, seed=degree), FAST), False
    tile = gscompress.load(ROOT / "scenes" / "tile.ply")
    yield "trained", codec.compress(tile.select(np.argsort(tile.means[:, 0])[3000:3300]), FAST), False
    scene = random_scene(60, 1, seed=7)
    yield "antialiased", codec.compress(Scene(scene.means, scene.quats, scene.log_scales, scene.opacity_logits, scene.sh, True), FAST), False
    scene = random_scene(60, 0, seed=8)
    yield "huge", codec.compress(Scene(scene.means * 1e6, scene.quats, scene.log_scales + 13, scene.opacity_logits, scene.sh), FAST), False
    scene = random_scene(5, 0, seed=9)
    yield "duplicates", codec.compress(scene.select(np.repeat(np.arange(5), 12)), FAST), False
    blocks = small_blocks(random_scene(150, 1, seed=10), 40)
    yield "blocks", blocks, False
    file = parse(blocks)
    yield "cut", blocks[: payload_at(blocks, len(file.sections) // 2)], False
    yield "cut_inside", blocks[: payload_at(blocks, 5) + 3], True
    header = parse(codec.compress(random_scene(40, 0, seed=11), FAST))
    yield "ancillary", pack(header.header, [Section(0x9999, 7, 7, 7, b"unknown"), *header.sections, Section(0xFFFF, 0, 0, 0, b"")]), False
    yield "forced", forced(12), False


def bad() -> Iterator[tuple[str, bytes]]:
    """Name, bytes."""
    plain = codec.compress(random_scene(60, 0, seed=20), FAST)
    rich = small_blocks(random_scene(60, 1, seed=21), 30)
    sections = list(parse(rich).sections)
    header = parse(rich).header
    first = {kind: next(i for i, s in enumerate(sections) if s.kind == kind) for kind in (BASIS, GEOMETRY, HARMONICS)}
    g, h = first[GEOMETRY], first[HARMONICS]
    yield "nothing", b""
    yield "magic", b"PLY\n" + plain[4:]
    yield "magic_cut", plain[:3]
    yield "header_cut", plain[:200]
    yield "billion_in_40_bytes", struct.pack("<4sHHIII", b"GSZ\x1a", 1, 0, 40, 0, 1_000_000_000) + bytes(20)
    yield "chunk_cut", plain[: payload_at(plain, 0) + 40]
    yield "newer_version", patched(plain, [(4, "H", 2)])
    yield "unknown_flag", patched(plain, [(6, "H", 2)])
    yield "header_size", patched(plain, [(8, "I", 283)])
    yield "header_damaged", plain[:40] + bytes([plain[40] ^ 1]) + plain[41:]
    yield "chunk_damaged", plain[: payload_at(plain, 0)] + bytes([plain[payload_at(plain, 0)] ^ 1]) + plain[payload_at(plain, 0) + 1 :]
    yield "bytes_after", plain + b"\0"
    yield "sh_degree", patched(plain, [(20, "B", 4)])
    yield "sh_components", patched(plain, [(21, "B", 1)])
    yield "depth", patched(plain, [(22, "B", 22)])
    yield "layers", patched(plain, [(23, "B", 0)])
    yield "lowest_class", patched(rich, [(24, "B", 16)])
    yield "blocks", patched(plain, [(28, "I", 0)])
    yield "origin", patched(plain, [(32, "d", float("inf"))])
    yield "voxel", patched(plain, [(56, "d", float("nan"))])
    yield "view_radius", patched(plain, [(76, "i", 0)])
    yield "mean", patched(plain, [(96, "i", (1 << 20) + 1)])
    yield "reserved", patched(plain, [(264, "H", 1)])
    yield "section_count", patched(plain, [(266, "I", 1 << 31)])
    yield "splats_4_billion", patched(plain, [(16, "I", 0xFFFFFFFF)])
    yield "splats_64_million", patched(plain, [(16, "I", 1 << 26)])
    yield "splats_one_less", patched(plain, [(16, "I", parse(plain).header.splats - 1)])
    yield "critical_section", patched(plain, [(entry(0, 0), "H", 16)])
    yield "section_version", patched(plain, [(entry(0, 2), "H", 2)])
    yield "section_reserved", patched(plain, [(entry(0, 10), "H", 1)])
    yield "section_block", patched(plain, [(entry(0, 4), "I", 1)])
    size = parse(plain).sections[0].size
    most, others = 64 * (size + 1), parse(plain).header.splats - parse(plain).sections[0].splats
    yield "splats_per_byte", patched(plain, [(entry(0, 12), "I", most + 1), (16, "I", most + 1 + others)])
    yield "more_splats_than_coded", patched(plain, [(entry(0, 12), "I", most), (16, "I", most + others)])
    yield "fewer_splats_than_coded", patched(plain, [(entry(0, 12), "I", 2), (16, "I", 2 + others)])
    yield "harmonics_count", patched(rich, [(entry(h, 12), "I", sections[h].splats + 1)])
    yield "no_basis", pack(header, [s for s in sections if s.kind != BASIS])
    yield "two_bases", pack(header, [sections[0], *sections])
    yield "basis_last", pack(header, [s for s in sections if s.kind != BASIS] + sections[:1])
    yield "no_geometry", pack(header, [s for s in sections if s.kind != GEOMETRY])
    yield "harmonics_between", pack(header, [*sections[: g + 1], sections[h], *sections[g + 1 : h], *sections[h + 1 :]])
    rows = np.zeros((header.sh_components, 9), np.int64)
    rows[0, 0] = 128
    yield "basis_entry", pack(header, [Section(BASIS, 0, 0, 0, basis_stream(rows)), *sections[1:]])
    at = payload_at(plain, 0)
    yield "stream_short", _replaced(plain, 0, plain[at : at + size // 2])
    yield "stream_long", _replaced(plain, 0, plain[at : at + size] + bytes(7) + b"\1")
    at = payload_at(rich, h)
    yield "stream_of_zeros", _replaced(rich, g, bytes(sections[g].size))
    yield "stream_of_ones", _replaced(rich, g, b"\xff" * sections[g].size)
    yield "geometry_lost", mended(rich[:40] + bytes(8) + rich[48:])[:-1]


def _replaced(data: bytes, index: int, payload: bytes) -> bytes:
    """`data` with another payload of one section."""
    file = parse(data)
    return pack(file.header, [s if i != index else Section(s.kind, s.block, s.layer, s.splats, payload) for i, s in enumerate(file.sections)])


def good_anchors() -> Iterator[tuple[str, bytes, bool]]:
    """The same of anchors."""
    data = packed(random_draft(70, 1, 0, 4)[0])
    yield "all", data, False
    yield "plain", packed(random_draft(60, 0, 1, 3, ())[0]), False
    for k, part in enumerate(PARTS):
        yield f"no_{part}", packed(random_draft(40, k % 4, 10 + k, k + 1, tuple(p for p in PARTS if p != part))[0]), False
    yield "extreme", packed(random_draft(40, 0, 2, 6, PARTS, True)[0]), False
    yield "forced", forced_anchors(3), False
    yield "cut", data[: payload_at(data, 5)], False
    yield "cut_networks", data[: payload_at(data, 2)], False
    yield "cut_inside", data[: payload_at(data, 3) + 9], True


def bad_anchors() -> Iterator[tuple[str, bytes]]:
    """The same of anchors."""
    data = packed(random_draft(50, 1, 4, 4)[0])
    file = parse(data)
    index = {kind: next(i for i, s in enumerate(file.sections) if s.kind == kind) for kind in (NETWORKS, CONDITION, ANCHORS)}
    networks, grid, anchors = (payload_at(data, index[kind]) for kind in (NETWORKS, CONDITION, ANCHORS))
    assert file.networks
    streams = {"networks": networks + file.networks.size, "condition": grid + (file.grid.size if file.grid else 0), "anchors": anchors + 4}
    for name, at in streams.items():
        yield f"{name}_of_ones", patched(data, [(at + i, "B", 255) for i in range(8)])
        yield f"{name}_of_zeros", patched(data, [(at + i, "B", 0) for i in range(20)])
    for field, at, value in (
        ("slots", 0, 49), ("hyper", 1, 65), ("latent", 2, 65), ("condition", 3, 65), ("cell_shift", 4, 64), ("cell_shift_order", 5, 0),
        ("network_layers", 6, 5), ("reserved", 9, 1), ("width", file.networks.size - 2, 1),
    ):  # fmt: skip
        yield field, patched(data, [(networks + at, "B", value)])
    yield "step", patched(data, [(networks + 10, "H", 0)])
    yield "levels", patched(data, [(grid, "B", 0)])
    yield "features", patched(data, [(grid + 1, "B", 8)])
    yield "resolution", patched(data, [(grid + 2, "H", 513)])
    yield "table", patched(data, [(grid + 4, "B", 16)])
    yield "no_anchors", patched(data, [(anchors, "I", 0)])
    yield "more_anchors_than_splats", patched(data, [(anchors, "I", file.sections[index[ANCHORS]].splats + 1)])
    yield "layers", patched(data, [(23, "B", 2), (24, "H", 1)])
    yield "anchors_version", patched(data, [(entry(index[ANCHORS], 2), "H", 2)])
    yield "without_networks", pack(file.header, [s for s in file.sections if s.kind != NETWORKS])
    yield "without_condition", pack(file.header, [s for s in file.sections if s.kind != CONDITION])
    yield "two_networks", pack(file.header, [file.sections[index[NETWORKS]], *file.sections])
    chunk = file.sections[index[ANCHORS]]
    yield "beside_geometry", pack(file.header, [*file.sections, Section(GEOMETRY, chunk.block, 0, chunk.splats, b"")])


def facts(data: bytes, partial: bool) -> dict:
    """What a good file decodes to."""
    decoded = codec.decode(data, partial=partial)
    arrays = {name: getattr(decoded.scene, name) for name in ("means", "quats", "log_scales", "opacity_logits", "sh")}
    return {
        "partial": partial,
        "splats": len(decoded.scene),
        "sh_degree": decoded.scene.sh_degree,
        "antialiased": decoded.scene.antialiased,
        "chunks": decoded.chunks,
        "chunks_total": decoded.chunks_total,
        "file_sha256": hashlib.sha256(data).hexdigest(),
        "sha256": {name: hashlib.sha256(a.astype("<f4").tobytes()).hexdigest() for name, a in arrays.items()},
    }


def fault(data: bytes) -> dict:
    """How a bad file is refused."""
    try:
        codec.decode(data)
    except FormatError as error:
        return {"error": type(error).__name__, "field": error.field}
    raise SystemExit("a bad file decodes")


def write(folder: Path, entries: Iterator[tuple], describe: Callable[..., dict]) -> None:
    """Adds the files that are not there yet, and what is to be known of them, to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder / "manifest.json"
    known = json.loads(manifest.read_text(encoding="utf-8")) if manifest.exists() else {}
    for name, data, *options in entries:
        path = folder / f"{name}.gsz"
        if path.exists() or name in known:
            print(f"{path.relative_to(ROOT)}: frozen, left as it is")
            continue
        try:
            known[name] = describe(data, *options)
        except SystemExit as error:
            raise SystemExit(f"{name}: {error}") from error
        path.write_bytes(data)
        manifest.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
        print(f"{path.relative_to(ROOT)}: {len(data)} bytes")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write what is missing; without, nothing happens")
    if not parser.parse_args().write:
        parser.error("goldens are frozen; --write adds those that are missing")
    write(FOLDER / "v1" / "good", good(), facts)
    write(FOLDER / "v1" / "bad", bad(), fault)
    write(FOLDER / "anchors" / "good", good_anchors(), facts)
    write(FOLDER / "anchors" / "bad", bad_anchors(), fault)


if __name__ == "__main__":
    main()
