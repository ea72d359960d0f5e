"""The choice of metrics."""

from __future__ import annotations

import numpy as np
import pytest

from gscompress.errors import InputError
from gscompress.evaluate import METRICS, Scorer, eight_bit, ms_ssim, psnr, ssim


def images(height: int = 170, width: int = 165) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    a = rng.random((height, width, 3), np.float32)
    return a, (a + rng.normal(0, 0.05, a.shape)).astype(np.float32)


def test_what_is_asked_for_in_its_order():
    a, b = images()
    assert Scorer()(a, b) == {"psnr": psnr(a, b), "ssim": ssim(a, b)}
    scorer = Scorer(["ms-ssim", "psnr", "ms-ssim"])
    assert scorer.metrics == ("ms-ssim", "psnr")
    assert list(scorer(a, b).items()) == [("ms-ssim", ms_ssim(a, b)), ("psnr", psnr(a, b))]


def test_eight_bit():
    a, b = images()
    rounded = eight_bit(a), eight_bit(b)
    found = Scorer(["psnr", "ssim", "ms-ssim"], eight_bit=True)(a, b)
    assert found == {"psnr": psnr(*rounded), "ssim": ssim(*rounded), "ms-ssim": ms_ssim(*rounded)}
    assert found["psnr"] != psnr(a, b)
    assert Scorer(["psnr"], eight_bit=True)(rounded[0], rounded[0] + np.float32(1e-3))["psnr"] == float("inf")


def test_small_images_give_nan():
    a, b = images(20, 30)
    found = Scorer(["psnr", "ssim", "ms-ssim"])(a, b)
    assert np.isfinite(found["psnr"])
    assert np.isfinite(found["ssim"])
    assert np.isnan(found["ms-ssim"])
    assert np.isnan(Scorer()(a[:10], b[:10])["ssim"])


def test_lpips(tmp_path):
    pytest.importorskip("torch")
    from weights_for_tests import write_weights

    from gscompress.evaluate import LPIPS

    write_weights(tmp_path, "alex")
    a, b = images(60, 40)
    scorer = Scorer(["lpips-alex"], lpips_weights=tmp_path, lpips_range="[0,1]", eight_bit=True)
    distance = LPIPS("alex", weights=tmp_path, input_range="[0,1]")
    assert scorer(a, b) == {"lpips-alex": distance(eight_bit(a), eight_bit(b))}
    assert np.isnan(scorer(a[:30], b[:30])["lpips-alex"])


def test_errors():
    assert METRICS == ("psnr", "ssim", "ms-ssim", "lpips-vgg", "lpips-alex")
    with pytest.raises(InputError, match="found none"):
        Scorer([])
    with pytest.raises(InputError, match="found lpips"):
        Scorer(["psnr", "lpips"])
    a, b = images(20, 30)
    with pytest.raises(InputError, match="images"):
        Scorer()(a, b[1:])
    with pytest.raises(InputError, match="images"):
        Scorer()(a[:0], b[:0])
