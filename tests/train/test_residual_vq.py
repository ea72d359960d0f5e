"""Residual codebooks: assignment against brute force, gradients against finite differences, k-means, and integers."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402

from gscompress.model.codebooks import IntegerCodebooks  # noqa: E402
from gscompress.train.residual_assign import assign, assign_reference, distortion  # noqa: E402
from gscompress.train.residual_vq import ResidualCodebooks  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_torch_thread")


Given = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
"""values, metric, words, bits, group"""


def case(metric: str, n: int = 40, width: int = 3, stages: int = 3, codes: int = 4, groups: int = 2, seed: int = 0, dtype=torch.float64) -> Given:
    """values, metric, words, bits, group; later stages are finer."""
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(n, width, width))
    found = factor @ factor.transpose(0, 2, 1) if metric == "matrix" else rng.exponential(2.0, n)
    words = rng.normal(size=(stages, codes, width)) * 0.6 ** np.arange(stages)[:, None, None]
    bits = rng.uniform(0, 6, (groups, stages, codes))
    floats = [torch.tensor(a, dtype=dtype) for a in (rng.normal(size=(n, width)), found, words, bits)]
    return floats[0], floats[1], floats[2], floats[3], torch.tensor(rng.integers(0, groups, n))


def cost(indices: Tensor, values: Tensor, metric: Tensor, words: Tensor, bits: Tensor, group: Tensor) -> Tensor:
    """What indices [N, S] cost, from the definition."""
    left = values - sum(words[s, indices[:, s]] for s in range(len(words)))
    if metric.ndim == 1:
        error = metric * left.square().sum(1)
    else:
        error = torch.einsum("ni,nij,nj->n", left, metric, left)
    return error + sum(bits[group, s, indices[:, s]] for s in range(len(words)))


@pytest.mark.parametrize("metric", ["weight", "matrix"])
def test_a_wide_beam_finds_the_best_of_all(metric: str):
    given = case(metric)
    indices, costs = assign(*given, beam=64)
    every = torch.tensor(list(itertools.product(range(4), repeat=3)))
    brute = torch.stack([cost(one.expand(40, 3), *given) for one in every])
    torch.testing.assert_close(costs, brute.min(0).values)
    torch.testing.assert_close(every[brute.argmin(0)], indices)


@pytest.mark.parametrize("metric", ["weight", "matrix"])
def test_costs_are_those_of_the_definition_and_a_wider_beam_is_no_worse_on_the_whole(metric: str):
    given = case(metric, n=500, stages=4)
    totals = []
    for beam in (1, 2, 4, 256):
        indices, costs = assign(*given, beam=beam)
        torch.testing.assert_close(costs, cost(indices, *given))
        totals.append(float(costs.sum()))
    assert totals == sorted(totals, reverse=True)
    assert totals[0] > totals[-1]


def test_greedy_takes_the_cheapest_of_each_stage():
    values, metric, words, bits, group = given = case("matrix", n=60)
    left, expected = values, []
    for stage in range(3):
        total = distortion(left[:, None], metric, words[stage])[:, 0] + bits[group, stage]
        expected.append(total.argmin(1))
        left = left - words[stage, expected[-1]]
    torch.testing.assert_close(assign(*given)[0], torch.stack(expected, 1))


def test_the_first_of_equals_wins_and_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch):
    values, metric, words, bits, group = given = whole(case("weight", n=300, codes=8))
    words[:, 5] = words[:, 2]
    bits[:, :, 5] = bits[:, :, 2]
    indices = assign(*given, beam=3)[0]
    assert (indices == 2).any()
    assert not (indices == 5).any()
    monkeypatch.setattr("gscompress.train.residual_assign._BLOCK_COSTS", 500)
    torch.testing.assert_close(assign(*given, beam=3)[0], indices)
    assert assign(values[:0], metric[:0], words, bits, group[:0])[0].shape == (0, 3)


def whole(given: Given) -> Given:
    """The case in small integers: sums of their products are exact whatever their order, and there are many ties."""
    values, metric, words, bits, group = given
    return (2 * values).round().float(), (2 * metric).round().float(), (2 * words).round().float(), (2 * bits).round().float(), group


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g: (g[0], g[1][:3], *g[2:]), r"metric \[40\]"),
        (lambda g: (g[0], g[1], g[2][:, :, :2], *g[3:]), r"words \[S, C, 3\]"),
        (lambda g: (*g[:3], g[3][:, :2], g[4]), r"bits: expected \[G, 3, 4\]"),
    ],
)
def test_shapes_are_checked(change: Callable, message: str):
    with pytest.raises(ValueError, match=message):
        assign(*change(case("weight")))
    with pytest.raises(ValueError, match="beam: expected at least 1, found 0"):
        assign(*case("weight"), beam=0)


def on_device(given: Given) -> Given:
    values, metric, words, bits, group = given
    return values.cuda(), metric.cuda(), words.cuda(), bits.cuda(), group.cuda()


@pytest.mark.cuda
@pytest.mark.parametrize("metric", ["weight", "matrix"])
@pytest.mark.parametrize(("width", "codes", "beam"), [(3, 64, 1), (4, 16, 4), (7, 5, 16), (45, 256, 2)])
def test_the_kernel_is_the_reference(metric: str, width: int, codes: int, beam: int):
    if metric == "matrix" and width == 45:
        width = 20
    for n in (0, 1, 1001):
        given = whole(case(metric, n=n, width=width, codes=codes, groups=3))
        wanted, wanted_costs = assign_reference(*given, beam)
        found, costs = assign(*on_device(given), beam=beam)
        torch.testing.assert_close(found.cpu(), wanted, rtol=0, atol=0)
        torch.testing.assert_close(costs.cpu(), wanted_costs, rtol=0, atol=0)
    given = case(metric, n=5000, width=width, codes=codes, groups=3, dtype=torch.float32)
    wanted, wanted_costs = assign_reference(*given, beam)
    found, costs = assign(*on_device(given), beam=beam)
    assert (found.cpu() == wanted).all(1).float().mean() > 0.999  # but for ties within rounding
    torch.testing.assert_close(costs.cpu(), wanted_costs, rtol=1e-3, atol=1e-3)


def books(stops: bool = True, groups: int = 2, **sizes) -> tuple[ResidualCodebooks, Given, Tensor]:
    """Codebooks with counted bits, the case they are of, and its indices."""
    given = case("matrix", **sizes)
    made = ResidualCodebooks(given[2], stops, groups)
    indices = made.assign(given[0], given[1], given[4], 0.0)
    made.count(indices, given[4])
    return made, given, indices


def test_gradients_go_straight_through_and_to_the_codewords():
    made, given, indices = books()
    values = given[0].clone().requires_grad_()
    out = made(values, indices)
    torch.testing.assert_close(out, made.decode(indices))
    wish = torch.tensor(np.random.default_rng(1).normal(size=out.shape))
    (out * wish).sum().backward()
    torch.testing.assert_close(values.grad, wish)
    expected = torch.zeros_like(made.words)
    for stage in range(3):
        expected[stage].index_add_(0, indices[:, stage], wish)
    expected[1:, 0] = 0  # the codewords that stop
    torch.testing.assert_close(made.words.grad, expected)


def test_the_rate_is_differentiable_by_vectors_and_codewords():
    made, (values, metric, _, _, group), indices = books(stops=False, n=30)
    values = values.clone().requires_grad_()
    made.rate(values, indices, metric, group).backward()
    rng = np.random.default_rng(2)
    for tensor in (values, made.words):
        assert tensor.grad is not None
        direction = torch.tensor(rng.normal(size=tuple(tensor.shape)))
        ends = []
        with torch.no_grad():
            for step in (1e-5, -2e-5, 1e-5):  # there, back across, and home
                tensor += step * direction
                ends.append(float(made.rate(values, indices, metric, group)))
        assert float((tensor.grad * direction).sum()) == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-6)


def test_the_rate_of_clear_choices_is_their_count():
    """Vectors on their codewords, with a metric that leaves no doubt: soft counts are the counts."""
    made, given, indices = books(stops=False, n=200, stages=1)
    values = made.decode(indices).detach()
    metric, group = torch.full((200,), 1e6, dtype=torch.float64), given[4]
    made.count(indices, group)
    rate = made.rate(values, indices, metric, group)
    assert float(rate.detach()) == pytest.approx(made.coded_bits(indices, group), rel=1e-9)


def test_a_step_down_the_rate_saves_bits():
    made, (values, metric, _, _, group), indices = books(n=2000)
    values, metric = values.clone().requires_grad_(), 4 * metric
    (gradient,) = torch.autograd.grad(made.rate(values, indices, metric, group), values)
    with torch.no_grad():
        nearer = values - 0.02 * gradient
    before = made.coded_bits(indices, group)
    after = made.coded_bits(made.assign(nearer, metric, group), group)
    assert after < made.coded_bits(made.assign(values, metric, group), group) < before


def test_counts_are_an_adaptive_coders():
    made, (_, _, _, _, group), indices = books()
    for kind in range(2):
        counts = np.bincount(indices[group == kind, 1].numpy(), minlength=4) + 0.5
        np.testing.assert_allclose(made.bits[kind, 1].numpy(), -np.log2(counts / counts.sum()))


def clustered(n: int = 3000, width: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    """Vectors about 30 centres, metrics, and groups."""
    rng = np.random.default_rng(3)
    values = 3 * rng.normal(size=(30, width))[rng.integers(0, 30, n)] + 0.4 * rng.normal(size=(n, width))
    factor = rng.normal(size=(n, width, width))
    return torch.tensor(values), torch.tensor(factor @ factor.transpose(0, 2, 1)), torch.tensor(rng.integers(0, 2, n))


@pytest.mark.parametrize("form", ["weight", "matrix"])
def test_k_means_and_stages_only_ever_help(form: str):
    values, metric, group = clustered()
    metric = metric if form == "matrix" else metric[:, 0, 0].clone()

    def left(stages: int, iterations: int) -> float:
        made = ResidualCodebooks.start(values, metric, stages, 8, groups=2, iterations=iterations)
        one = torch.zeros_like(made.bits)
        return float(assign(values, metric, made.words, one, group)[1].sum())

    by_iterations = [left(1, i) for i in range(6)]
    assert by_iterations == sorted(by_iterations, reverse=True)
    assert by_iterations[-1] < 0.95 * by_iterations[0]
    by_stages = [left(stages, 5) for stages in (1, 2, 3, 4)]
    assert by_stages == sorted(by_stages, reverse=True)
    assert by_stages[-1] < 0.2 * by_stages[0]


def test_lloyd_with_a_rate_finds_a_better_compromise():
    values, metric, group = clustered()
    made = ResidualCodebooks.start(values, metric, 3, 8, groups=2)
    made.count(made.assign(values, metric, group, 0.0), group)
    totals = []
    for _ in range(8):
        indices = made.lloyd(values, metric, group, rate=1.0, beam=8)
        made.count(indices, group)
        error = float(cost(indices, values, metric, made.words.detach(), torch.zeros_like(made.bits), group).sum())
        totals.append(error + made.coded_bits(indices, group))
    assert totals[-1] < 0.97 * totals[0]
    assert all(b < a * 1.002 for a, b in itertools.pairwise(totals))
    assert not made.words[1:, 0].any()


def test_the_same_seed_gives_the_same_codebooks():
    values, metric, _ = clustered()
    first, again, other = (ResidualCodebooks.start(values, metric, 2, 8, seed=seed).words for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_few_or_equal_vectors_are_no_trouble():
    for values in (torch.ones(50, 3), torch.tensor([[1.0, 2.0, 3.0]]), torch.arange(9.0).view(3, 3)):
        made = ResidualCodebooks.start(values, torch.ones(len(values)), 2, 8)
        group = torch.zeros(len(values), dtype=torch.int64)
        torch.testing.assert_close(made.decode(made.assign(values, torch.ones(len(values)), group)), values)
        assert torch.isfinite(made.words).all()
    unseen = ResidualCodebooks.start(torch.randn(20, 3), torch.zeros(20), 2, 4)
    assert torch.isfinite(unseen.words).all()


def test_integers_there_and_back():
    made, _, indices = books()
    exported = made.integers(-9)
    again = ResidualCodebooks.of_integers(exported)
    np.testing.assert_allclose(again.words.detach(), made.words.detach(), atol=2.0**-10)
    decoded = exported.decode(indices.numpy())
    assert decoded.dtype == np.int32
    np.testing.assert_array_equal(exported.values(indices.numpy()), again.decode(indices).detach().double().numpy())
    np.testing.assert_array_equal(again.integers(-9).words, exported.words)
    with pytest.raises(ValueError, match="log2_step: expected codewords within 32767"):
        made.integers(-20)


def test_integer_codebooks_check_their_indices():
    found = IntegerCodebooks(0, np.arange(12, dtype=np.int16).reshape(2, 3, 2))
    np.testing.assert_array_equal(found.decode(np.array([[0, 2], [2, 1]], np.uint8)), [[10, 12], [12, 14]])
    for wrong in ([[0, 3]], [[-1, 0]], [[0, 0, 0]]):
        with pytest.raises(ValueError, match="indices: expected"):
            found.decode(np.array(wrong))
    with pytest.raises(ValueError, match="words: expected int16"):
        IntegerCodebooks(0, np.zeros((2, 3)))
