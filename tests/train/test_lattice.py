"""A decoded scene in the words of the one that was encoded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from training_for_tests import cameras, open_encoder, teacher

from gscompress.render import render_view
from gscompress.train.lattice import aligned, nearest_turn


def test_the_decoded_scene_is_near_and_looks_the_same():
    scene = teacher(300, degree=2)
    scene = replace(scene, quats=scene.quats * 3)  # of any length
    encoder = open_encoder(scene)
    draft, predictor, run = encoder.code(scene, encoder.slope(60))
    file = draft.file(run, draft.basis.shape[0], predictor, np.arange(300))
    decoded = file.decode()
    found = aligned(scene, decoded, file.order)
    for name, within in (("means", 0.01), ("log_scales", 0.1), ("sh", 0.3)):
        apart = np.abs(getattr(found, name) - getattr(scene, name)).reshape(300, -1).max(1)
        assert np.quantile(apart, 0.9) < within, name  # faint ones are stored coarsely
    uneven = np.sort(scene.log_scales, axis=1)
    clear = np.diff(uneven, axis=1).min(1) > 0.3  # else axes may trade places
    likeness = (found.quats * scene.quats).sum(1) / np.linalg.norm(scene.quats, axis=1) / np.linalg.norm(found.quats, axis=1)
    assert np.quantile(likeness[clear], 0.1) > 0.98
    assert likeness[clear].min() > 0.5
    np.testing.assert_allclose(np.linalg.norm(found.quats, axis=1), np.linalg.norm(scene.quats, axis=1), rtol=1e-5)
    np.testing.assert_allclose(render_view(found, cameras()[0]).image, render_view(decoded, cameras()[0]).image, atol=2e-3)


def test_half_turns():
    quats = np.array([[0.5, 0.5, -0.5, 0.5]] * 4)
    to = np.array([[-0.5, -0.5, 0.5, -0.5], [-0.5, 0.5, 0.5, 0.5], [0.5, -0.5, 0.5, 0.5], [-0.5, -0.5, -0.5, 0.5]])
    np.testing.assert_allclose(np.abs((nearest_turn(quats, to) * to).sum(1)), 1)
    np.testing.assert_allclose(nearest_turn(quats, to), to)
