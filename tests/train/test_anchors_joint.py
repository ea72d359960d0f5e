"""Anchors that are trained along with splats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402
from training_for_tests import PLAN, cameras, open_encoder, teacher  # noqa: E402

import gscompress  # noqa: E402
from gscompress import reference_decoder  # noqa: E402
from gscompress.bitstream.container import ANCHORS, parse  # noqa: E402
from gscompress.config import RefineOptions  # noqa: E402
from gscompress.draft import Encoded  # noqa: E402
from gscompress.encoder import Encoder  # noqa: E402
from gscompress.scene import Scene  # noqa: E402
from gscompress.train import refine  # noqa: E402
from gscompress.train.anchors.bits import AnchorBits  # noqa: E402
from gscompress.train.anchors.joint import JointAnchors  # noqa: E402
from gscompress.train.anchors.parts import Parts  # noqa: E402
from gscompress.train.anchors.slots import NEW  # noqa: E402
from gscompress.train.distill import Distiller, Schedule  # noqa: E402
from gscompress.train.growing import Growth  # noqa: E402
from gscompress.train.refine import refine_scene  # noqa: E402
from gscompress.train.rounding import Rounder  # noqa: E402
from gscompress.train.student import Rates, tensors_of  # noqa: E402
from gscompress.train.targets import renders  # noqa: E402

PARTS = Parts(hidden=6, latent=2, hyper=1, resolutions=(2, 4), table=32, warm_up=20, settle=10)
UNUSED = ("free.hyper", "free.latent")
"""What takes the place of priors that are absent."""
SCHEDULE = Schedule(iterations=40, reviews=4, anchors=PARTS)


@cache
def opened() -> tuple[Encoder, float]:
    encoder = open_encoder(teacher(400))
    return encoder, encoder.slope(34)


def model(parts: Parts, share: float = 0.0) -> tuple[JointAnchors, AnchorBits, np.ndarray]:
    """Anchors of the teacher with their bits, and the coder's count."""
    encoder, slope = opened()
    joint = JointAnchors(parts)
    draft, predictor, run = joint.code(encoder, encoder.scene, slope)
    bits = joint.bits(draft, predictor, run, tensors_of(encoder.scene), share)
    assert isinstance(bits, AnchorBits)
    return joint, bits, run.bits


@pytest.mark.parametrize("share", [0.0, 0.9])
def test_at_the_count_it_is_the_count(share: float):
    _, bits, counted = model(PARTS, share)
    assert float(bits.counted.sum()) == pytest.approx(counted.sum(), rel=1e-4)
    assert bits.counted.shape == (400,)


def test_gradients_are_those_of_the_sum():
    scene = opened()[0].scene
    joint, bits, _ = model(PARTS)
    tensors = {name: t.requires_grad_() for name, t in tensors_of(scene).items()}
    gradients = bits.gradients(tensors)
    assert set(gradients) == {"means", "log_scales", "opacity_logits", "sh_constant", "sh_rest"}
    rng = np.random.default_rng(0)

    def along(tensor: Tensor, moved: Callable[[Tensor], dict], step: float) -> tuple[float, Tensor]:
        direction = torch.tensor(rng.normal(size=tuple(tensor.shape)), dtype=torch.float32)
        ends = [bits.per_splat(moved(s * step * direction)).detach().double().sum().item() for s in (1, -1)]
        return (ends[0] - ends[1]) / (2 * step), direction

    for name, gradient in gradients.items():
        assert gradient.isfinite().all()
        found, direction = along(tensors[name], lambda by, name=name: {**tensors, name: tensors[name] + by}, 1e-3 if name != "means" else 1e-4)
        assert float((gradient * direction).sum()) == pytest.approx(found, rel=0.03, abs=2), name
    assert joint.model is not None
    for name, p in joint.model.named_parameters():
        if name in UNUSED:
            continue
        if name.startswith(("grid", "hyper", "latent")):  # rounded straight through: their gradients are not those of the sum
            assert p.grad is not None
            assert p.grad.abs().sum() > 0, name
            continue
        assert p.grad is not None, name
        own = p.detach().clone()

        def moved(by: Tensor, p: Tensor = p, own: Tensor = own) -> dict:
            p.data = own + by
            return tensors

        found, direction = along(p, moved, 1e-3)
        p.data = own
        assert float((400 * p.grad * direction).sum()) == pytest.approx(found, rel=0.03, abs=3), name


def rounder(scene: Scene) -> Scene:
    mean = scene.log_scales.mean(1, keepdims=True)
    return Scene(scene.means, scene.quats, mean + 0.8 * (scene.log_scales - mean), scene.opacity_logits, scene.sh)


def more_alike(scene: Scene) -> Scene:
    sh = scene.sh.copy()
    sh[:, 0] = 0.85 * sh[:, 0] + 0.15 * sh[:, 0].mean(0)
    return Scene(scene.means, scene.quats, scene.log_scales, 0.85 * scene.opacity_logits + 0.15 * scene.opacity_logits.mean(), sh)


@pytest.mark.parametrize("change", [rounder, more_alike])
def test_it_tells_what_a_change_saves(change: Callable[[Scene], Scene]):
    encoder, slope = opened()
    joint, bits, counted = model(PARTS)
    changed = change(encoder.scene)
    told = float((bits.per_splat(tensors_of(changed)) - bits.counted).detach().sum())
    real = joint.code(encoder, changed, slope)[2].bits.sum() - counted.sum()
    assert real < 0
    assert 0.3 < told / real < 3


def distiller(**changes) -> Distiller:
    encoder, slope = opened()
    return Distiller(encoder, renders(encoder), slope, replace(SCHEDULE, **changes))


def file_of(trainer: Distiller, student: Scene, steps: int) -> Encoded:
    encoder, slope = opened()
    assert trainer.anchors is not None
    made = Rounder(encoder.of_student(student), trainer.views, Rates(), trainer.distance, arrange=trainer.anchors.settled)
    return made.file(slope, steps)


@pytest.mark.parametrize("parts", [PARTS, Parts(hidden=6, near=False, settle=0), Parts(hidden=0)])
def test_everything_learns_and_the_file_decodes_alike(parts: Parts):
    trainer = distiller(anchors=parts, prune_bits=30.0, growth=Growth(0.05))
    kept: list[dict] = []
    student = trainer.run(keep=kept.append)
    first, last = kept[1]["anchors"], trainer.anchors.state()  # pyright: ignore[reportOptionalMemberAccess]
    assert last is not None
    for name, value in first.get("model", {}).items():
        if value.shape == last["model"][name].shape and not name.endswith("centre") and name not in UNUSED and value.any():
            assert (value != last["model"][name]).any(), name
    file = file_of(trainer, student, 10)
    data = file.pack({})
    assert any(section.kind == ANCHORS for section in file.sections)
    scene, other = gscompress.decompress(data), reference_decoder.decode(data).scene
    for name in ("means", "quats", "log_scales", "opacity_logits", "sh"):
        np.testing.assert_array_equal(getattr(scene, name), getattr(other, name))
    assert len(scene) == len(student)


@pytest.mark.parametrize("growth", [Growth(), Growth(0.05)])
def test_a_killed_run_resumes_to_the_same_result(growth: Growth):
    whole, kept = distiller(growth=growth), []
    wanted = file_of(whole, whole.run(keep=kept.append), 0).pack({})
    assert [state["iteration"] for state in kept] == [0, 10, 20, 30]
    for state in kept[:3:2]:
        second = distiller(growth=growth)
        second.load(state)
        assert file_of(second, second.run(), 0).pack({}) == wanted


def test_latents_follow_their_anchors():
    encoder, slope = opened()
    joint, bits, _ = model(PARTS)
    bits.gradients({name: t.requires_grad_() for name, t in tensors_of(encoder.scene).items()})
    joint.step(1.0)
    assert joint.slots is not None
    assert joint.model is not None
    before, latent, state = joint.slots, joint.model.latent.detach().clone(), joint.state()
    rows = np.concatenate([np.arange(0, 400, 2), [NEW]])
    means = np.concatenate([encoder.scene.means[::2], encoder.scene.means.max(0, keepdims=True)]).astype(np.float64)
    joint.renew(rows, means)
    assert len(joint.slots.codes) == len(joint.model.latent) < len(before.codes)
    own = joint.slots.anchor[:200][joint.slots.slot[:200] == 0]
    first = before.anchor[::2][joint.slots.slot[:200] == 0]
    np.testing.assert_array_equal(joint.model.latent.detach()[own], latent[first])
    moments = joint.state()["adam"]["state"], state["adam"]["state"]  # pyright: ignore[reportOptionalSubscript]
    index = max(moments[0])
    np.testing.assert_array_equal(moments[0][index]["exp_avg"][own], moments[1][index]["exp_avg"][first])
    scene = encoder.scene.select(np.append(np.arange(0, 400, 2), 1))
    joint.code(encoder.of_student(scene), scene, slope)  # and all fits together


def test_growing_is_bounded_and_splits_what_is_pulled():
    trainer = distiller(growth=Growth(0.1, until=1.0, most=1.05), prune_until=0.0)
    begun = len(trainer.student)
    trainer.run()
    assert len(trainer.student) == round(1.05 * begun)
    assert trainer.anchors is not None
    assert trainer.anchors.slots is not None
    assert len(trainer.anchors.slots.anchor) == len(trainer.student)
    with pytest.raises(ValueError, match="growth"):
        distiller(growth=Growth(0.1), mask_rate=0.1)


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(refine, "plan", lambda effort, splats: PLAN)
    monkeypatch.setattr(refine, "JOINT", PARTS)


@pytest.mark.usefixtures("_small")
def test_a_file_of_anchors_where_it_was_asked_for(tmp_path: Path):
    scene, options = teacher(300), RefineOptions(lambda_=5e-5, iterations=30, anchors="always")
    whole = refine_scene(scene, options, cameras())
    assert (whole.anchors, whole.trained) == (True, True)
    assert ANCHORS in {section.kind for section in parse(whole.data).sections}

    class Killed(BaseException):
        pass

    def kill(stage: str, state: refine.State) -> None:
        if state.share > 0.6:
            raise Killed

    checkpoint = tmp_path / "state"
    with pytest.raises(Killed):
        refine_scene(scene, options, cameras(), checkpoint=checkpoint, progress=kill)
    again = refine_scene(scene, options, cameras(), checkpoint=checkpoint, resume=True)
    assert again.data == whole.data
    smaller = refine_scene(scene, replace(options, anchors="smaller"), cameras())
    assert len(smaller.data) <= len(whole.data)
    assert smaller.anchors == (ANCHORS in {section.kind for section in parse(smaller.data).sections})
