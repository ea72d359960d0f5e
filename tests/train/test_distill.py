"""Training a student, and rounding it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training_for_tests import open_encoder, teacher  # noqa: E402

from gscompress.config import CompressOptions  # noqa: E402
from gscompress.encoder import Encoder  # noqa: E402
from gscompress.rate import search  # noqa: E402
from gscompress.scene import Scene  # noqa: E402
from gscompress.train.distill import Distiller, Diverged, Schedule, State  # noqa: E402
from gscompress.train.masks import Masks  # noqa: E402
from gscompress.train.rounding import Rounder  # noqa: E402
from gscompress.train.student import GROUPS, Rates  # noqa: E402
from gscompress.train.targets import renders  # noqa: E402

SCHEDULE = Schedule(iterations=60, reviews=6)


@cache
def opened() -> tuple[Encoder, float]:
    encoder = open_encoder(teacher())
    return encoder, encoder.slope(34)


def distiller(**changes) -> Distiller:
    encoder, slope = opened()
    return Distiller(encoder, renders(encoder), slope, replace(SCHEDULE, **changes))


def arrays(scene: Scene) -> list[np.ndarray]:
    return [scene.means, scene.quats, scene.log_scales, scene.opacity_logits, scene.sh]


def test_fewer_gaussians_look_better_than_the_best_of_the_teacher():
    encoder, slope = opened()
    trainer, seen = distiller(iterations=150, prune_bits=30.0), []
    student = trainer.run(seen.append)
    assert len(seen) == 150
    assert seen[-1].share == 1
    assert [s.splats for s in seen] == sorted((s.splats for s in seen), reverse=True)
    assert len(student) == seen[-1].splats < seen[0].splats
    rounder = Rounder(encoder.of_student(student), trainer.views, Rates(), trainer.distance)
    plain, rounded = (encoder.judge(rounder.file(slope, n)) for n in (0, 60))
    assert rounded.psnr > plain.psnr + 0.1  # pyright: ignore[reportOptionalOperand]
    size = len(rounded.pack({}))
    closed = search(encoder, CompressOptions(target_size=size), {}, lambda share: None)
    assert rounded.psnr > closed.psnr  # pyright: ignore[reportOptionalOperand, reportOperatorIssue]
    assert size == pytest.approx(rounder.size(slope), rel=0.03)


@pytest.mark.parametrize("mask_rate", [0.0, 0.3])
def test_a_killed_run_resumes_to_the_same_result(mask_rate: float):
    whole, kept = distiller(mask_rate=mask_rate), []
    wanted = whole.run(keep=kept.append)
    assert [state["iteration"] for state in kept] == [0, 10, 20, 30, 40, 50]
    second = distiller(mask_rate=mask_rate)
    second.load(kept[3])
    for a, b in zip(arrays(second.run()), arrays(wanted), strict=True):
        np.testing.assert_array_equal(a, b)


def test_masks_close_what_is_not_worth_its_bits():
    trainer, seen = distiller(iterations=120, mask_rate=0.5, first_share=1e-6), []
    student = trainer.run(seen.append)
    assert 0.1 * seen[0].splats < len(student) < 0.9 * seen[0].splats
    scene = opened()[0].scene
    hidden = 1 / (1 + np.exp(-scene.opacity_logits)) < 0.2
    kept = 1 / (1 + np.exp(-student.opacity_logits)) < 0.2
    assert kept.mean() < hidden.mean()  # what is hardly seen goes first


def test_masks_are_straight_through():
    masks = Masks(3, 0.1, "cpu")
    with torch.no_grad():
        masks.logits.copy_(torch.tensor([1.0, -6.0, 0.0]))
    assert masks.open.tolist() == [True, False, True]
    drawn, scales = masks.applied(torch.tensor([0.5, 0.5, 20.0]), torch.zeros(3, 3))
    assert drawn.detach()[[0, 2]].tolist() == [0.5, 20.0]
    assert torch.sigmoid(drawn)[1] < 1e-6
    assert not scales.any()
    before = masks.logits.detach().clone()
    masks.logits.grad = None
    masks.step(torch.tensor([10.0, 10.0, 0.0]), 0.5)  # nothing but the price
    moved = masks.logits.detach() - before
    assert moved[0] < 0
    assert moved[1] < 0
    assert moved[2] == 0


def test_gradients_of_masks_are_those_of_the_soft_ones():
    """Finite differences of opacities and scales times the logistic function, whether masks are open or not."""
    logits, opacities = np.array([1.0, -6.0, -4.5, 0.0, 3.0]), np.array([0.5, 0.5, 2.0, -3.0, 6.0])
    weights = np.random.default_rng(0).normal(size=(2, 5))

    def soft(values: np.ndarray) -> float:
        mask = 1 / (1 + np.exp(-values[0]))
        return float((weights[0] * mask / (1 + np.exp(-values[1])) + weights[1] * 3 * np.log(mask)).sum())

    masks = Masks(5, 0.1, "cpu")
    with torch.no_grad():
        masks.logits.copy_(torch.as_tensor(logits))
    assert masks.open.tolist() == [True, False, True, True, True]
    given = torch.tensor(opacities, dtype=torch.float32, requires_grad=True)
    drawn, scales = masks.applied(given, torch.zeros(5, 3))
    (torch.as_tensor(weights[0]) * torch.sigmoid(drawn) + torch.as_tensor(weights[1]) * scales.sum(1)).sum().backward()
    at, expected = np.stack([logits, opacities]), np.zeros((2, 5))
    for place in np.ndindex(2, 5):
        step = np.zeros((2, 5))
        step[place] = 1e-4
        expected[place] = (soft(at + step) - soft(at - step)) / 2e-4
    assert masks.logits.grad is not None
    assert given.grad is not None
    np.testing.assert_allclose(masks.logits.grad, expected[0], rtol=2e-3)
    np.testing.assert_allclose(given.grad, expected[1], rtol=2e-3)


def test_a_loss_that_is_no_number_stops_with_the_last_good_scene():
    trainer = distiller()

    def spoil(state: State) -> None:
        if trainer.iteration == 21:
            with torch.no_grad():
                trainer.student.tensors["sh_constant"].fill_(float("inf"))

    with pytest.raises(Diverged, match="finite loss, found none by iteration 30") as caught:
        trainer.run(spoil)
    assert caught.value.scene is not None
    assert all(np.isfinite(a).all() for a in arrays(caught.value.scene))


def test_what_is_rounded_stays_as_it_was_rounded():
    encoder, slope = opened()
    trainer = distiller()
    rounder = Rounder(encoder.of_student(trainer.run()), trainer.views, Rates(), trainer.distance)
    plain, rounded = (rounder.file(slope, n).decode() for n in (0, 50))
    np.testing.assert_array_equal(plain.log_scales, rounded.log_scales)
    np.testing.assert_array_equal(plain.quats, rounded.quats)
    assert (plain.means != rounded.means).any()
    assert (plain.sh != rounded.sh).any()


def test_every_tensor_learns():
    trainer = distiller(iterations=1)
    before = {name: t.detach().clone() for name, t in trainer.student.tensors.items()}
    trainer.run()
    for name in GROUPS:
        assert (trainer.student.tensors[name] != before[name]).any(), name
