"""Files of anchors through the commands."""

from __future__ import annotations

import json
from pathlib import Path

from gscompress.cli import main

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "anchors" / "good" / "all.gsz"


def test_info_and_decompress(tmp_path, capsys):
    main(["info", str(GOLDEN), "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["splats"] == 70
    assert 0 < report["anchors"] <= 70
    assert {"anchors", "networks", "condition"} <= {s["kind"] for s in report["sections"]}
    main(["info", str(GOLDEN)])
    assert f"anchors  {report['anchors']}" in capsys.readouterr().out
    main(["decompress", str(GOLDEN), "-o", str(tmp_path / "out.ply")])
    assert (tmp_path / "out.ply").stat().st_size > 70 * 4
