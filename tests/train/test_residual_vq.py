"""Residual vector quantisation: codes, codebooks, gradients, and the CUDA kernel."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sysconfig
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gscompress.train.kernels import SOURCES  # noqa: E402
from gscompress.train.residual_vq import ResidualCodebooks, code_bits, residual_assign, weighted_kmeans  # noqa: E402


def vectors(count: int = 400, width: int = 3, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    return torch.tensor(rng.normal(size=(count, width)), dtype=torch.float32), torch.tensor(rng.exponential(size=count), dtype=torch.float32)


def test_a_stage_takes_the_cheapest_code():
    values, weights = vectors(50)
    books, prices = torch.randn(2, 5, 3), torch.rand(2, 5)
    found = residual_assign(values, books, weights, prices)
    for value, weight, codes in zip(values, weights, found, strict=True):
        rest = value
        for book, price, code in zip(books, prices, codes, strict=True):
            costs = [float(weight * (rest - c).square().sum() + p) for c, p in zip(book, price, strict=True)]
            assert costs[code] == pytest.approx(min(costs))
            rest = rest - book[code]


def test_more_stages_and_more_codes_leave_less():
    values, weights = vectors()
    errors = []
    for stages, codes in ((1, 4), (1, 16), (2, 16), (4, 16)):
        books = ResidualCodebooks(values, weights, stages, codes)
        codes_of = residual_assign(values, books.codebooks.detach(), weights, torch.zeros(stages, codes))
        errors.append(float(((books.decode(codes_of) - values).square().sum(1) * weights).sum().detach()))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.02 * errors[0]


def test_prices_trade_bits_for_errors():
    values, weights = vectors()
    books = ResidualCodebooks(values, weights, 2, 16)
    codes = residual_assign(values, books.codebooks.detach(), weights, torch.zeros(2, 16))
    for _ in range(5):
        cheap = residual_assign(values, books.codebooks.detach(), weights, 2 * code_bits(codes, 16))
        before, after = (sum(float(code_bits(c, 16)[s][c[:, s]].sum()) for s in range(2)) for c in (codes, cheap))
        codes = cheap
    assert after <= before
    plain = residual_assign(values, books.codebooks.detach(), weights, torch.zeros(2, 16))
    assert after < 0.8 * sum(float(code_bits(plain, 16)[s][plain[:, s]].sum()) for s in range(2))


def test_the_start_is_weighted_and_always_the_same():
    values, weights = vectors(60)
    weights[7] = 1e6
    a, b = (weighted_kmeans(values, weights, 6, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(a, b)
    assert float((a - values[7]).norm(dim=1).min()) < 1e-3
    assert len(weighted_kmeans(values[:3], weights[:3], 8, torch.Generator().manual_seed(1))) == 8


def test_gradients():
    values, weights = vectors(30)
    values.requires_grad_()
    books = ResidualCodebooks(values, weights, 2, 4)
    codes = residual_assign(values.detach(), books.codebooks.detach(), weights, torch.zeros(2, 4))
    pull = torch.randn(30, 3)
    coded = books(values, codes)
    assert torch.allclose(coded, books.decode(codes))
    (coded * pull).sum().backward()
    assert torch.equal(values.grad, pull)  # straight through  # pyright: ignore[reportArgumentType]
    expected = torch.zeros(2, 4, 3)
    for s, n in itertools.product(range(2), range(30)):
        expected[s, codes[n, s]] += pull[n]
    assert torch.allclose(books.codebooks.grad, expected, atol=1e-5)  # pyright: ignore[reportArgumentType]
    books.double()
    point = values.detach().double().requires_grad_()
    assert torch.autograd.gradcheck(lambda v: books.bits(v, weights.double(), torch.zeros(2, 4, dtype=torch.float64), 3.0), point)
    sure = books.bits(point, weights.double(), torch.zeros(2, 4, dtype=torch.float64), 1e6).sum().detach()
    counted = code_bits(codes, 4)
    assert float(sure) == pytest.approx(sum(float(counted[s][codes[:, s]].sum()) for s in range(2)), rel=0.05)


@pytest.mark.cuda
def test_the_kernel_is_the_reference():
    values, weights = vectors(5000, 4)
    books, prices = torch.randn(6, 64, 4), torch.rand(6, 64)
    expected = residual_assign(values, books, weights, prices)
    found = residual_assign(values.cuda(), books.cuda(), weights.cuda(), prices.cuda()).cpu()
    assert (found == expected).all(1).float().mean() > 0.999
    assert residual_assign(values[:0].cuda(), books.cuda(), weights[:0].cuda(), prices.cuda()).shape == (0, 6)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("nvcc") is None, reason="needs nvcc")
def test_the_kernel_compiles(tmp_path: Path):
    """Without a GPU, against torch's headers; the one that a CPU build of torch lacks is empty but for a definition."""
    stub = tmp_path / "c10" / "cuda" / "impl" / "cuda_cmake_macros.h"
    stub.parent.mkdir(parents=True)
    stub.write_text("#define C10_CUDA_BUILD_SHARED_LIBS\n")
    headers = Path(torch.__path__[0]) / "include"
    includes = [tmp_path, headers, headers / "torch" / "csrc" / "api" / "include", sysconfig.get_paths()["include"]]
    flags = ["-c", "-std=c++20", "-gencode=arch=compute_90,code=sm_90", "-DTORCH_EXTENSION_NAME=x", *(f"-I{i}" for i in includes)]
    made = subprocess.run(["nvcc", *flags, str(SOURCES / "residual_assign.cu"), "-o", str(tmp_path / "x.o")], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr[-2000:]
