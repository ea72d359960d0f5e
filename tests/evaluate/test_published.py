"""The published results that come with the package."""

from __future__ import annotations

from gscompress.evaluate.batch.protocols import MIPNERF360
from gscompress.evaluate.report.published import load_published


def test_they_are_plausible():
    found = load_published()
    assert "10^6" in found.about
    assert len(found.means) > 50
    assert len(found.scenes) > 200
    for r in (*found.means, *found.scenes):
        assert r.dataset == "mipnerf360"
        assert r.method
        assert r.source
        assert r.size_mb is not None
        assert 1 < r.size_mb < 1000
        assert r.psnr is not None
        assert 15 < r.psnr < 40
        assert r.ssim is None or 0.3 < r.ssim < 1
        assert r.lpips is None or 0 < r.lpips < 0.7


def test_every_one_is_there_once():
    found = load_published()
    assert {r.scenes for r in found.means} == {9}
    assert {r.scene for r in found.scenes} == set(MIPNERF360)
    assert len({r.method for r in found.means}) == len(found.means)
    assert len({(r.method, r.scene) for r in found.scenes}) == len(found.scenes)


def test_means_of_scenes_are_those_of_tables():
    """Two sources, of methods of which both are here: within what their rounding and their reruns leave."""
    found = load_published()
    for mean, scenes in (("HAC lowrate", "HAC-lowrate"), ("HAC++ highrate", "HAC++-highrate"), ("Smol-GS base", "Smol-GS base")):
        (whole,) = (r for r in found.means if r.method == mean)
        parts = [r for r in found.scenes if r.method == scenes]
        assert len(parts) == 9
        assert whole.size_mb is not None
        assert abs(sum(r.psnr or 0 for r in parts) / 9 - (whole.psnr or 0)) < 0.05, mean
        assert abs(sum(r.size_mb or 0 for r in parts) / 9 / whole.size_mb - 1) < 0.05, mean
