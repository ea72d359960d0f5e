"""The published results that reports draw beside measured ones."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from importlib.resources import files
from typing import Any

import pytest

NINE = {"bicycle", "flowers", "garden", "stump", "treehill", "room", "counter", "kitchen", "bonsai"}
SHARED = {"method": str, "dataset": str, "psnr": float, "ssim": float, "lpips": float, "size_mb": float, "source": str}


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    text = (files("gscompress.evaluate") / "report" / "published.json").read_text(encoding="utf-8")
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


@pytest.mark.parametrize(("table", "others"), [("means", {"scenes": int, "plain_splats": bool}), ("scenes", {"scene": str})])
def test_rows_have_all_fields_within_sense(published: dict[str, Any], table: str, others: dict[str, type]):
    optional = {"psnr", "ssim", "lpips", "plain_splats"}
    assert set(published) == {"about", "means", "scenes"}
    assert len(published[table]) > 50
    for row in published[table]:
        kinds = SHARED | others
        assert set(row) == set(kinds), row
        assert all(type(row[name]) is kind or (name in optional and row[name] is None) for name, kind in kinds.items()), row
        assert row["dataset"] == "mipnerf360"
        assert row["method"]
        assert row["source"]
        assert 0 < row["size_mb"] < 1000, row
        assert row["psnr"] is None or 15 < row["psnr"] < 40, row
        assert row["ssim"] is None or 0.4 < row["ssim"] < 1, row
        assert row["lpips"] is None or 0 < row["lpips"] < 0.5, row


def test_no_row_is_there_twice(published: dict[str, Any]):
    rows = [row["method"] for row in published["means"]] + [(row["method"], row["scene"]) for row in published["scenes"]]
    assert [row for row, count in Counter(rows).items() if count > 1] == []


def test_means_are_those_of_the_nine_scenes(published: dict[str, Any]):
    """A row in the wrong unit, or of seven scenes, would not agree."""
    assert {row["scenes"] for row in published["means"]} == {9}
    scenes: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in published["scenes"]:
        scenes[row["method"]].append(row)
    means = {row["method"]: row for row in published["means"]}
    assert len(scenes.keys() & means.keys()) > 20
    for method, rows in scenes.items():
        assert {row["scene"] for row in rows} == NINE, method
        if method in means:
            for name, within in (("psnr", 0.01), ("ssim", 0.002), ("lpips", 0.002), ("size_mb", 0.02)):
                assert sum(row[name] for row in rows) / 9 == pytest.approx(means[method][name], abs=within), (method, name)
