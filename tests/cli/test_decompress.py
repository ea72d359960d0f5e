"""gscompress decompress."""

from __future__ import annotations

import pytest

import gscompress
from gscompress import codec, io

KEYS = {
    "input", "output", "format", "input_bytes", "output_bytes", "splats", "sh_degree", "chunks", "chunks_total", "seconds",
    "peak_memory_bytes",
}  # fmt: skip


@pytest.mark.parametrize("ending", ["ply", "compressed.ply", "spz", "splat", "sog"])
def test_every_format(run, gsz, tmp_path, ending):
    if ending == "sog":
        pytest.importorskip("PIL")
    output = tmp_path / f"out.{ending}"
    outcome = run("decompress", gsz, "-o", output, "--json")
    assert outcome.code == 0
    report = outcome.json
    assert set(report) == KEYS
    assert report["format"] == io.read(output).format == ending
    assert report["output_bytes"] == output.stat().st_size
    assert report["splats"] == len(io.read(output).scene) == len(gscompress.load(gsz))
    assert report["chunks"] == report["chunks_total"] > 1
    if ending == "splat":
        assert "note" in outcome.err  # it holds no harmonics


def test_default_output_is_lossless(run, gsz, tmp_path):
    source = tmp_path / "a.gsz"
    source.write_bytes(gsz.read_bytes())
    outcome = run("decompress", source)
    assert outcome.code == 0
    assert str(tmp_path / "a.ply") in outcome.out
    written, decoded = gscompress.load(tmp_path / "a.ply"), gscompress.load(gsz)
    for name in ("means", "quats", "log_scales", "opacity_logits", "sh"):
        assert (getattr(written, name) == getattr(decoded, name)).all()


def test_unknown_ending(run, gsz, tmp_path):
    run("decompress", gsz, "-o", tmp_path / "a.obj").failed_in_one_line("a.obj", ".ply", ".spz")
    run("decompress", gsz, "-o", tmp_path / "a.gsz").failed_in_one_line("a.gsz", ".ply", ".spz")


def cut(gsz, tmp_path, early: int = 0):
    """The file without what follows its first large section, and `early` bytes of that missing as well."""
    description = codec.describe(gsz.read_bytes())
    end = 0
    for section in description.sections:
        end += section.size_bytes
        if section.kind == "geometry":
            break
    path = tmp_path / "cut.gsz"
    path.write_bytes(gsz.read_bytes()[: end - early])
    return path


def test_cut_between_chunks(run, gsz, tmp_path):
    source = cut(gsz, tmp_path)
    outcome = run("decompress", source, "-o", tmp_path / "a.ply", "--json")
    assert outcome.code == 0
    report = outcome.json
    assert 0 < report["chunks"] < report["chunks_total"]
    assert f"{report['chunks']} of {report['chunks_total']} chunks" in outcome.err
    described = run("info", source, "--json").json
    assert not described["complete"]
    assert any(not section["present"] for section in described["sections"])
    assert "missing" in run("info", source).out
    assert " chunks" in run("compare", gsz, source, "--views", 2).err


def test_cut_inside_a_chunk(run, gsz, tmp_path):
    source = cut(gsz, tmp_path, early=-5)
    run("decompress", source, "-o", tmp_path / "a.ply").failed_in_one_line("cut.gsz", "expected", "found")
    assert not (tmp_path / "a.ply").exists()
    outcome = run("decompress", source, "-o", tmp_path / "a.ply", "--partial")
    assert outcome.code == 0
    assert " chunks" in outcome.err
