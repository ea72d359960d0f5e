"""The differentiable bits against the coder's own count."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training_for_tests import open_encoder, teacher  # noqa: E402

from gscompress.encoder import Encoder  # noqa: E402
from gscompress.scene import Scene  # noqa: E402
from gscompress.train.bits import BitModel  # noqa: E402
from gscompress.train.reduce import group_sum, mean_of_others  # noqa: E402
from gscompress.train.student import tensors_of  # noqa: E402


@cache
def opened() -> tuple[Encoder, float]:
    encoder = open_encoder(teacher(1500, degree=2))
    return encoder, encoder.slope(38)


def counted(scene: Scene) -> np.ndarray:
    encoder, slope = opened()
    return encoder.code(scene, slope)[2].bits


def model(scene: Scene) -> BitModel:
    encoder, slope = opened()
    draft, predictor, run = encoder.code(scene, slope)
    return BitModel(draft, predictor, run.bits, tensors_of(scene))


def test_at_the_count_it_is_the_count():
    scene = opened()[0].scene
    found = model(scene).per_splat(tensors_of(scene))
    assert found.shape == (1500,)
    assert float(found.sum()) == pytest.approx(counted(scene).sum(), rel=1e-4)


def rounder(scene: Scene) -> Scene:
    mean = scene.log_scales.mean(1, keepdims=True)
    return Scene(scene.means, scene.quats, mean + 0.8 * (scene.log_scales - mean), scene.opacity_logits, scene.sh)


def plainer(scene: Scene) -> Scene:
    sh = scene.sh.copy()
    sh[:, 1:] *= 0.8
    return Scene(scene.means, scene.quats, scene.log_scales, scene.opacity_logits, sh)


def more_alike(scene: Scene) -> Scene:
    sh = scene.sh.copy()
    sh[:, 0] = 0.85 * sh[:, 0] + 0.15 * sh[:, 0].mean(0)
    opacity = 0.85 * scene.opacity_logits + 0.15 * scene.opacity_logits.mean()
    return Scene(scene.means, scene.quats, scene.log_scales, opacity, sh)


@pytest.mark.parametrize("change", [rounder, plainer, more_alike])
def test_it_tells_what_a_change_saves(change: Callable[[Scene], Scene]):
    scene = opened()[0].scene
    changed = change(scene)
    bits = model(scene)
    told = float((bits.per_splat(tensors_of(changed)) - bits.per_splat(tensors_of(scene))).sum())
    real = counted(changed).sum() - counted(scene).sum()
    assert real < 0
    assert 0.3 < told / real < 3


def test_gradients_are_those_of_the_sum():
    scene = opened()[0].scene
    bits, tensors = model(scene), {name: t.requires_grad_() for name, t in tensors_of(scene).items()}
    gradients = bits.gradients(tensors)
    assert set(gradients) == {"log_scales", "opacity_logits", "sh_constant", "sh_rest"}
    rng = np.random.default_rng(0)
    for name, gradient in gradients.items():
        assert gradient.isfinite().all()
        direction = torch.tensor(rng.normal(size=tuple(gradient.shape)), dtype=torch.float32)
        ends = []
        for step in (1e-3, -1e-3):
            moved = {**tensors, name: tensors[name] + step * direction}
            ends.append(bits.per_splat(moved).detach().double().sum().item())
        assert float((gradient * direction).sum()) == pytest.approx((ends[0] - ends[1]) / 2e-3, rel=0.03, abs=2), name


def test_groups():
    values, group = torch.tensor([[1.0], [2.0], [6.0], [5.0]]), torch.tensor([0, 0, 0, 1])
    assert group_sum(values, group, 2).tolist() == [[9.0], [5.0]]
    assert mean_of_others(values, group, 2, -values).tolist() == [[4.0], [3.5], [1.5], [-5.0]]
    scatter = pytest.importorskip("torch_scatter")
    torch.testing.assert_close(group_sum(values, group, 2), scatter.scatter_add(values, group, 0, dim_size=2))
