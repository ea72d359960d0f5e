"""Tensors of a scene with their optimiser."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training_for_tests import teacher  # noqa: E402

from gscompress.train.student import GROUPS, Rates, Student, scene_of, tensors_of  # noqa: E402


def student() -> Student:
    return Student(teacher(50), Rates(), 4.0)


def trained(one: Student, steps: int) -> None:
    for step in range(steps):
        target = 0.1 * (step + 1)
        sum((t - target).square().sum() for t in one.tensors.values()).backward()  # pyright: ignore[reportAttributeAccessIssue]
        one.step(0.9**step)


def test_a_scene_and_back():
    scene = teacher(50, degree=2)
    back = scene_of(tensors_of(scene), True)
    for name in ("means", "quats", "log_scales", "opacity_logits", "sh"):
        np.testing.assert_array_equal(getattr(back, name), getattr(scene, name))
    assert back.antialiased
    np.testing.assert_allclose(np.linalg.norm(Student(scene, Rates(), 1.0).scene().quats, axis=1), 1, rtol=1e-6)


def test_what_is_kept_learns_as_if_nothing_had_happened():
    whole, part = student(), student()
    rows = torch.arange(0, 50, 3)
    trained(whole, 3)
    trained(part, 3)
    part.keep(rows)
    trained(whole, 3)
    trained(part, 3)
    assert len(part) == 17
    for name in GROUPS:
        torch.testing.assert_close(part.tensors[name], whole.tensors[name][rows], rtol=0, atol=0)


def test_it_goes_on_where_it_was():
    whole, first = student(), student()
    for one in (whole, first):
        trained(one, 4)
        one.keep(torch.arange(40))
    again = student()  # of another size
    again.load(first.state())
    trained(whole, 4)
    trained(again, 4)
    for name in GROUPS:
        torch.testing.assert_close(again.tensors[name], whole.tensors[name], rtol=0, atol=0)


def test_gradients_that_are_added():
    one = student()
    one.tensors["means"].sum().backward()
    one.add_gradients({"means": torch.ones(50, 3), "quats": torch.ones(50, 4)}, 2.0)
    assert (one.tensors["means"].grad == 3).all()
    assert (one.tensors["quats"].grad == 2).all()
