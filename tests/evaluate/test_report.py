"""The report of synthetic results: figures told by hand, every cell visible, names that mean something to a format, same bytes again."""

from __future__ import annotations

import csv
import math
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from gscompress.cli import main
from gscompress.errors import Corrupt, InputError
from gscompress.evaluate.batch.store import (
    FAILED,
    NOT_INSTALLED,
    OK,
    Cell,
    CellId,
    CodecRecord,
    Plan,
    Quality,
    write_cell,
    write_plan,
)
from gscompress.evaluate.bd_rate import size_at
from gscompress.evaluate.report import Published, PublishedResult, load_published, write_report
from gscompress.evaluate.report.frames import quality_limits, size_limits, ticks
from gscompress.evaluate.report.labels import frontier
from gscompress.evaluate.report.published import parse_published
from gscompress.evaluate.report.rates import ABOVE, BD_RATE, BELOW, ONE_POINT, rates
from gscompress.evaluate.report.series import mean_plot, scene_plot
from gscompress.evaluate.report.summary import MIPNERF360, NOT_RUN, summarise

LINE = "tiny: every 2nd view, float, LPIPS VGG fed [0,1]"
HOSTILE = "<b>a_b&c%d$e|#{}`\\"
CODECS = (
    CodecRecord("ply", "uncompressed .ply", ("default",)),
    CodecRecord("gsz", "gsz", ("q30", "q70")),
    CodecRecord("half", "half of gsz", ("a", "b")),
    CodecRecord("spz", "SPZ", ("default",)),
    CodecRecord("zstd", "zstd", ("default",)),
    CodecRecord("ffgs", "FFGS", ("default",), "install ffgs first"),
)
FIGURES = {  # bytes, PSNR against photographs and renders
    "ply@default": (248_000, 30.0, math.inf), "gsz@q30": (1_000, 27.0, 32.0), "gsz@q70": (4_000, 29.0, 40.0), "half@a": (500, 27.0, 32.0),
    "half@b": (2_000, 29.0, 40.0), "spz@default": (6_000, 28.0, 36.0), "zstd@default": (200_000, 30.0, math.inf),
}  # fmt: skip


def cell(scene: str, codec: str, point: str, psnr_shift: float = 0.0) -> Cell:
    size, psnr, renders = FIGURES[f"{codec}@{point}"]
    return Cell(
        scene, codec, point, OK, size_bytes=size, source_bytes=248_000, splats_in=1_000, splats=900, encode_seconds=2.0, decode_seconds=0.5,
        encode_memory_bytes=3_000_000, fps=10.0, views=7, width=64, height=48, photographs=Quality(psnr + psnr_shift, 20.0, 0.9, {"lpips-vgg": 0.2}),
        renders=Quality(renders, 20.0, 0.95) if math.isfinite(renders) else Quality(None, None, 1.0), lossless=codec in ("ply", "zstd"),
        protocol={"line": LINE}, machine={"system": "Linux", "cores": 2, "gpu": None}, started="2026-01-02T03:04:05Z",
    )  # fmt: skip


def plan(scenes: tuple[str, ...], kind: str = "folder") -> Plan:
    ids = tuple(CellId(s, c.name, p) for s in scenes for c in CODECS for p in c.points)
    return Plan(kind, "data", {"line": LINE}, scenes, CODECS, ids, "1.2.3", seconds=10.0, work_seconds=9.9, finished=True)


def results(of: Plan) -> list[Cell]:
    """Everything measured, but for the codec that is not installed; PSNR grows by 1 dB from scene to scene."""
    cells = [cell(i.scene, i.codec, i.point, of.scenes.index(i.scene)) for i in of.cells if i.codec != "ffgs"]
    return cells + [Cell(s, "ffgs", "default", NOT_INSTALLED, error="install ffgs first") for s in of.scenes]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three scenes, one with a hostile name; in the second SPZ failed, in the third a point of gsz is missing."""
    return fill(tmp_path)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with its report, to look at."""
    out = fill(tmp_path_factory.mktemp("results"))
    write_report(out, Published())
    return out


def fill(out: Path) -> Path:
    made = replace(plan(("room", "garden", HOSTILE)), finished=False)
    write_plan(out, made)
    for one in results(made):
        if one.id == CellId("garden", "spz", "default"):
            one = Cell("garden", "spz", "default", FAILED, error="converter: ended with 1: <boom>")
        if one.id != CellId(HOSTILE, "gsz", "q30"):
            write_cell(out, one)
    return out


def test_figures_of_a_scene_and_differences_to_the_uncompressed_one() -> None:
    made = plan(("room",))
    row = summarise(made, results(made)).rows["room"][2]
    assert (row.id.point, row.ok) == ("q70", True)
    expected = {
        "size_bytes": 4000, "size_mb": 0.004, "bits_per_splat": 32.0, "ratio": 62.0, "splats": 900, "encode_seconds": 2.0,
        "encode_memory_mb": 3.0, "decode_memory_mb": None, "photographs_psnr": 29.0, "delta_psnr": -1.0, "delta_ssim": 0.0,
        "delta_lpips_vgg": 0.0, "renders_psnr": 40.0, "renders_ssim": 0.95,
    }  # fmt: skip
    assert {key: row.figures[key] for key in expected} == expected


def test_means_over_nine_and_seven_scenes() -> None:
    made = plan(MIPNERF360, "mipnerf360")
    summary = summarise(made, results(made))
    assert [(s.name, len(s.scenes)) for s in summary.sets] == [("9", 9), ("7", 7)]
    nine, seven = (next(r for r in summary.means[name] if r.point == "q30").means["photographs_psnr"] for name in ("9", "7"))
    assert (nine.value, nine.count) == (pytest.approx(27 + sum(range(9)) / 9), 9)
    assert (seven.value, seven.count) == (pytest.approx(27 + (sum(range(9)) - 1 - 4) / 7), 7)  # without the second and the fifth
    few = summarise(plan(("garden", "room"), "mipnerf360"), results(plan(("garden", "room"), "mipnerf360")))
    assert [s.title for s in few.sets] == ["the 2 scenes of this run (of the 9 of Mip-NeRF360)"]


def test_ratio_and_bits_of_a_mean_are_those_of_the_sums() -> None:
    made = plan(("a", "b"))
    cells = [replace(c, size_bytes=3_000, source_bytes=24_800, splats_in=100) if c.id == CellId("b", "gsz", "q30") else c for c in results(made)]
    means = next(r for r in summarise(made, cells).means["all"] if r.point == "q30").means
    assert means["size_bytes"].value == 2_000
    assert means["ratio"].value == pytest.approx((248_000 + 24_800) / 4_000)
    assert means["bits_per_splat"].value == pytest.approx(8 * 4_000 / 1_100)


def test_incomplete_rows_say_so_and_there_is_a_mean_over_what_all_have(written: Path) -> None:
    text = (written / "tables.md").read_text()
    means = text.split("## Mean over the 3 scenes of this run")[1].split("\n## ")[0]
    assert re.search(r"\| SPZ \| default \| 2 of 3 \|", means)
    assert re.search(r"\| gsz \| q30 \| 2 of 3 \|", means)
    assert "SPZ default without garden (failed)" in means
    assert f"gsz q30 without &lt;b&gt;a\\_b&amp;c%d\\$e\\|\\#{{}}\\`\\\\ ({NOT_RUN})" in means
    assert "The run has not been finished" in text
    made = plan(("a", "b", "c"))
    cells = [c for c in results(made) if c.id != CellId("b", "spz", "default")]
    summary = summarise(made, cells)
    assert [(s.name, s.scenes) for s in summary.sets] == [("all", ("a", "b", "c")), ("common", ("a", "c"))]
    spz = next(r for r in summary.means["common"] if r.codec == "spz")
    assert (spz.complete, spz.means["photographs_psnr"].value) == (True, 29.0)
    drawn = mean_plot(summary, summary.sets[0], Published(), "")
    assert drawn is not None
    assert "SPZ" not in [s.label for s in drawn.series]
    assert "SPZ default (2 of 3)" in drawn.omitted[0]


def test_no_cell_is_dropped(written: Path) -> None:
    with (written / "cells.csv").open(newline="") as file:
        rows = {(r["scene"], r["codec"], r["point"]): r for r in csv.DictReader(file)}
    assert len(rows) == len(plan(("room", "garden", HOSTILE)).cells)
    assert (rows["garden", "spz", "default"]["status"], rows["garden", "spz", "default"]["error"]) == ("failed", "converter: ended with 1: <boom>")
    assert rows[HOSTILE, "gsz", "q30"]["status"] == NOT_RUN
    assert rows["room", "ffgs", "default"]["error"] == "install ffgs first"
    assert (rows["room", "zstd", "default"]["renders_psnr"], rows["room", "gsz", "q30"]["decode_memory_mb"]) == ("inf", "")
    for name in ("report.html", "tables.md", "tables.tex"):
        text = (written / name).read_text()
        assert text.count("not installed: install ffgs first") >= 3
        assert "failed: converter: ended with 1: " in text
        assert NOT_RUN in text
        assert "24 cells: 19 ok, 3 not installed, 1 failed, 1 not run." in text or name == "tables.tex"


def test_a_codec_without_cells_is_there_when_it_is_not_installed() -> None:
    made = plan(("room",))
    made = replace(made, cells=tuple(c for c in made.cells if c.codec != "ffgs"))
    row = summarise(made, results(made)).rows["room"][-1]
    assert (row.status, row.remark) == (NOT_INSTALLED, "not installed: install ffgs first")


def test_rates_against_the_first_codec_with_a_curve() -> None:
    made = plan(("a", "b"))
    cells = [replace(c, photographs=Quality(20.0)) if c.id == CellId("b", "spz", "default") else c for c in results(made)]
    photographs, renders = rates(summarise(made, cells))
    assert (photographs.against, renders.against, photographs.anchor.name) == ("photographs", "renders", "gsz")
    half, spz, zstd = photographs.rows
    assert (half.kind, spz.kind, zstd.kind) == (BD_RATE, ONE_POINT, ONE_POINT)
    assert half.rates["a"].value == pytest.approx(-0.5)
    mean = half.means["all"]
    assert mean is not None
    assert (mean.value, mean.count) == (pytest.approx(-0.5), 2)
    assert spz.rates["a"].value == pytest.approx(6_000 / 2_000 - 1)  # half way, on a line in the logarithm of bytes
    assert (spz.rates["b"].value, spz.rates["b"].word) == (None, BELOW)
    mean = spz.means["all"]
    assert mean is not None
    assert (mean.value, mean.count) == (pytest.approx(2.0), 1)
    assert zstd.rates["a"].word == ABOVE
    assert renders.rows[2].rates["a"].word == ABOVE  # lossless: an infinite PSNR
    assert renders.rows[2].means["all"] is None


def test_size_on_a_curve() -> None:
    curve = [(100.0, 30.0), (400.0, 32.0)]
    assert size_at(31.0, curve) == pytest.approx(200.0)
    assert size_at(32.0, curve) == pytest.approx(400.0)
    assert size_at(29.99, curve) is None
    assert size_at(np.inf, curve) is None


def test_protocol_machine_version_and_views_are_above_every_table(written: Path) -> None:
    context = f"Protocol: {LINE}. 7 test views, 64 x 48 px. system Linux, cores 2. gscompress 1.2.3. 2026-01-02."
    page = (written / "report.html").read_text()
    tables = page.split("<table>")
    assert len(tables) - 1 == 1 + 2 + 3  # the mean, BD-rates of two kinds, three scenes
    for before in tables[:-1]:
        assert LINE in before.rsplit('<p class="context">', 1)[1]
    assert page.count(context) >= 3
    for name, table, escaped in (("tables.md", "\n|---", r"\[0,1\]"), ("tables.tex", r"\begin{tabular}", "{[}0,1{]}")):
        parts = (written / name).read_text().split(table)
        assert len(parts) > 6
        assert all(f"Protocol: {LINE.replace('[0,1]', escaped)}" in part[-1500:] for part in parts[:-1])
    assert LINE.encode() in (written / "cells.csv").read_bytes()


def test_hostile_names_are_text_in_every_format(written: Path) -> None:

    class Tags(HTMLParser):
        """Tags, and the text of headings."""

        def __init__(self) -> None:
            super().__init__()
            self.tags: set[str] = set()
            self.heads: list[str] = []
            self.ids: list[str] = []
            self._in_head = False

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.tags.add(tag)
            self.ids += [value or "" for name, value in attrs if name == "id"]
            self._in_head = tag == "h2"
            assert not any(name in ("href", "src") and not (value or "").startswith("#") for name, value in attrs if name != "xlink:href")

        def handle_data(self, data: str) -> None:
            if self._in_head:
                self.heads.append(data)
                self._in_head = False

    parsed = Tags()
    parsed.feed((written / "report.html").read_text())
    assert "b" not in parsed.tags
    assert f"Scene {HOSTILE}" in parsed.heads
    assert len(parsed.ids) == len(set(parsed.ids))
    tex = (written / "tables.tex").read_text()
    assert r"Scene \textless{}b\textgreater{}a\_b\&c\%d\$e\textbar{}\#\{\}`\textbackslash{}" in tex
    body = "\n".join(line for line in tex.splitlines() if not line.startswith("%"))
    assert re.search(r"(?<!\\)[_#%]", body) is None
    assert len(re.findall(r"(?<!\\)\{", body)) == len(re.findall(r"(?<!\\)\}", body))
    for table in re.findall(r"\\begin\{tabular\}\{([^\n]*)\}\n\\toprule\n(.*?)\\bottomrule", body, re.DOTALL):
        columns = len(re.sub(r"p\{.*?\}", "p", table[0]))
        for row in table[1].splitlines():
            if row != r"\midrule":
                spanned = sum(int(n) - 1 for n in re.findall(r"\\multicolumn\{(\d+)\}", row))
                assert len(re.findall(r"(?<!\\)&", row)) + 1 + spanned == columns
    for line in (written / "tables.md").read_text().splitlines():
        assert "<" not in line
        if line.startswith("|---"):
            columns = line.count("|")
        elif line.startswith("| ") and "codec" not in line:
            assert len(re.findall(r"(?<!\\)\|", line)) == columns


def test_the_same_results_give_the_same_bytes(folder: Path) -> None:
    pytest.importorskip("matplotlib")
    first = {path.name: path.read_bytes() for path in write_report(folder, Published()).paths}
    second = {path.name: path.read_bytes() for path in write_report(folder, Published()).paths}
    assert first == second
    plots = {name for name in first if name.startswith("rd_")}
    assert plots == {f"rd_{stem}.{kind}" for stem in ("mean_all", "room", "garden", "_b_a_b_c_d_e______") for kind in ("png", "svg")}
    assert first["rd_room.png"].startswith(b"\x89PNG")
    assert (folder / "report.html").read_text().count("<svg") == 4


def test_without_matplotlib_there_are_tables_and_a_note(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    report = write_report(folder, Published())
    assert {path.name for path in report.paths} == {"report.html", "tables.md", "tables.tex", "cells.csv"}
    note = "plots of a report needs matplotlib: pip install 'gscompress[eval]'"
    assert any(note in line for line in report.notes)
    assert "pip install" in (folder / "report.html").read_text()
    assert "](rd_" not in (folder / "tables.md").read_text()
    assert not list(folder.glob("rd_*"))


def test_published_results_are_drawn_where_they_belong_and_do_not_squash_ours() -> None:
    made = plan(MIPNERF360, "mipnerf360")
    summary = summarise(made, results(made))
    near = PublishedResult("near", "mipnerf360", 0.007, 34.0, 0.9, 0.2, "paper", scenes=9)
    far = PublishedResult("far", "mipnerf360", 800.0, 60.0, 0.1, 0.9, "paper", scenes=9)
    of_room = PublishedResult("one scene", "mipnerf360", 0.007, 34.0, None, None, "paper", scene="room")
    published = Published("", (near, far), (of_room,))
    nine, seven = (mean_plot(summary, s, published, "") for s in summary.sets)
    room, garden = (scene_plot(summary, scene, published, "") for scene in ("room", "garden"))
    assert nine
    assert seven
    assert room
    assert garden
    assert [p.published for p in (nine, seven, room, garden)] == [(near, far), (), (of_room,), ()]
    panel = nine.panels[0]
    sizes = size_limits(nine)
    low, high = quality_limits(panel, nine, sizes)
    assert sizes[1] < 0.5
    assert low < 31.0
    assert 34.0 < high < 40.0
    assert scene_plot(summarise(replace(made, kind="folder"), results(made)), "room", published, "") == replace(room, published=())


def test_published_lpips_is_left_out_where_it_is_another_measure() -> None:
    made = replace(plan(("room",)), protocol={"line": LINE, "lpips_range": "[-1,1]"})
    drawn = scene_plot(summarise(made, results(made)), "room", Published(), "")
    assert drawn
    assert [panel.published for panel in drawn.panels] == ["psnr", "ssim", None, None]


def test_frontier_and_ticks() -> None:
    assert frontier([(1.0, 30.0), (2.0, 29.0), (3.0, 31.0), (3.0, 32.0)], True) == [0, 3]
    assert frontier([(1.0, 0.2), (2.0, 0.3), (3.0, 0.1)], False) == [0, 2]
    for low, high in ((0.05, 900.0), (1.0, 40.0), (2.1, 2.9), (11.0, 14.0)):
        found = ticks(low, high)
        assert 3 <= len(found) <= 10
        assert all(low <= tick <= high for tick in found)


def test_published_file() -> None:
    data = b'{"about": "x", "means": [{"method": "M", "dataset": "mipnerf360", "scenes": 9, "psnr": 27.0, "ssim": null, "lpips": null, "size_mb": 5.0, "source": "s", "plain_splats": null}], "scenes": []}'
    assert parse_published(data).of_mean("mipnerf360", 9)[0].size_mb == 5.0
    with pytest.raises(Corrupt, match="published"):
        parse_published(b'{"means": [{"method": 1, "wrong": 2}], "scenes": []}')
    for result in (*load_published().means, *load_published().scenes):
        assert result.size_mb is None or result.size_mb > 0


def test_command(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(folder)]) == 0
    out = capsys.readouterr().out
    assert LINE in out
    assert "report.html" in out
    assert re.search(r"SPZ +default +2 of 3", out)
    assert main(["report", str(folder), "--json", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert ('"rows"' in out, err) == (True, "")
    assert main(["report", str(tmp_path / "nowhere")]) == 2
    assert "found no eval.json" in capsys.readouterr().err


def test_a_folder_without_results_is_left_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"eval\.json"):
        write_report(tmp_path)
    write_plan(tmp_path, plan(("room",)))
    (tmp_path / "eval.json").write_text("{")
    with pytest.raises(Corrupt, match=r"eval\.json"):
        write_report(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"eval.json"}
