"""Scales and rotations as vectors, their metric, and training with codebooks."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training_for_tests import open_encoder, teacher  # noqa: E402

from gscompress.model.canonical import rotation_matrices  # noqa: E402
from gscompress.train.distill import Distiller, Schedule  # noqa: E402
from gscompress.train.shape_space import Canonical, product, rotation_metric  # noqa: E402
from gscompress.train.shapes import ShapeOptions  # noqa: E402
from gscompress.train.targets import renders  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def covariances(log_scales, quats) -> np.ndarray:
    """float64 [N, 3, 3]."""
    r = rotation_matrices(np.asarray(quats))
    return np.einsum("nik,nk,njk->nij", r, np.exp(2 * np.asarray(log_scales)), r)


def shapes(n: int = 300):
    rng = np.random.default_rng(0)
    return torch.tensor(rng.normal(size=(n, 3))), torch.tensor(rng.normal(size=(n, 4)))


def test_canonical_vectors_are_the_same_gaussians_and_go_back():
    log_scales, quats = shapes()
    c = Canonical.of(log_scales, quats)
    assert (c.scales.diff(dim=1) <= 0).all()
    assert (c.quats[:, 0] >= c.quats[:, 1:].abs().amax(1) - 1e-12).all()
    np.testing.assert_allclose(covariances(c.scales * np.log(2), c.quats), covariances(log_scales, quats), atol=1e-9)
    back_scales, back_quats = c.back(c.scales, c.quats)
    torch.testing.assert_close(back_scales, log_scales)
    torch.testing.assert_close(back_quats, torch.nn.functional.normalize(quats, dim=1))


def test_it_does_not_matter_how_a_gaussian_is_told():
    """Half turns about its own axes, another order of the axes, the other sign."""
    log_scales, quats = shapes()
    wanted = Canonical.of(log_scales, quats)
    half = torch.tensor([0.0, 0.0, 1.0, 0.0], dtype=torch.float64).expand_as(quats)
    quarter = torch.tensor([0.5**0.5, 0.5**0.5, 0.0, 0.0], dtype=torch.float64).expand_as(quats)  # swaps the last two axes
    for other_scales, other_quats in ((log_scales, -quats), (log_scales, product(quats, half)), (log_scales[:, [0, 2, 1]], product(quats, quarter))):
        found = Canonical.of(other_scales, other_quats)
        torch.testing.assert_close(found.scales, wanted.scales)
        torch.testing.assert_close(found.quats, wanted.quats)


def test_the_metric_tells_how_much_a_small_turn_changes_the_gaussian():
    log_scales, quats = shapes(50)
    c = Canonical.of(log_scales, quats)
    metric = rotation_metric(c.scales, c.quats, torch.full((50,), -40.0, dtype=torch.float64), torch.ones(50, dtype=torch.float64))
    rng = np.random.default_rng(1)
    angle = torch.tensor(1e-4 * rng.normal(size=(50, 3)))
    turned = product(c.quats, torch.cat([torch.ones(50, 1, dtype=torch.float64), 0.5 * angle], 1))
    told = torch.einsum("ni,nij,nj->n", turned - c.quats, metric, turned - c.quats)
    before, after = covariances(c.scales * np.log(2), c.quats), covariances(c.scales * np.log(2), turned)
    white = np.linalg.inv(np.linalg.cholesky(before))
    change = white @ (after - before) @ white.transpose(0, 2, 1)
    # A relative change with eigenvalues +-2 a costs a^2 (model/weights.py counts it so): its squared Frobenius norm over 8.
    np.testing.assert_allclose(told, np.square(change).sum((1, 2)) / 8, rtol=2e-3)


@cache
def opened():
    encoder = open_encoder(teacher(400))
    return encoder, renders(encoder), encoder.slope(34)


SCHEDULE = Schedule(iterations=40, reviews=4, codebooks_from=0.5, shapes=ShapeOptions(stages=3, codes=8, rounds=3))


def test_codebooks_start_late_and_learn():
    trainer, words = Distiller(*opened(), SCHEDULE), []

    def watch(state):
        assert (trainer.shapes is not None) == (state.iteration > 20)
        if trainer.shapes:
            words.append(trainer.shapes.scales.words.detach().clone())

    trainer.run(watch)
    assert (words[0] != words[-1]).any()
    assert not words[-1][1:, 0].any()
    assert trainer.shapes is not None
    seen = trainer.shapes.seen(trainer.student.tensors)
    plain = trainer.student.tensors["log_scales"]
    assert 0 < (seen["log_scales"] - plain).abs().mean() < 0.5
    rounded = Canonical.of(seen["log_scales"], seen["quats"])
    expected = trainer.shapes.scales.decode(trainer.shapes.indices[0])
    torch.testing.assert_close(rounded.scales.sort(1).values, expected.sort(1).values, atol=1e-5, rtol=0)


def test_gradients_reach_scales_rotations_and_codewords():
    trainer = Distiller(*opened(), replace(SCHEDULE, codebooks_from=0.0, iterations=1))
    trainer.run()
    assert trainer.shapes is not None
    tensors = trainer.student.tensors
    seen = trainer.shapes.seen(tensors)
    trainer.views.error({**tensors, **seen}, 0, False).backward()
    for tensor in (tensors["log_scales"], tensors["quats"], trainer.shapes.scales.words, trainer.shapes.quats.words):
        assert tensor.grad is not None
        assert tensor.grad.isfinite().all()
        assert tensor.grad.any()
    rate = trainer.shapes.gradients(tensors, 1.0)
    assert set(rate) == {"log_scales", "quats"}
    assert all(g.isfinite().all() and g.any() for g in rate.values())


def test_a_killed_run_with_codebooks_resumes_to_the_same_result():
    whole, kept = Distiller(*opened(), SCHEDULE), []
    wanted = whole.run(keep=kept.append)
    second = Distiller(*opened(), SCHEDULE)
    second.load(kept[-1])
    found = second.run()
    np.testing.assert_array_equal(found.log_scales, wanted.log_scales)
    np.testing.assert_array_equal(found.quats, wanted.quats)
    assert whole.shapes is not None
    assert second.shapes is not None
    assert torch.equal(whole.shapes.quats.words, second.shapes.quats.words)
