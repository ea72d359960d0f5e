"""Splats in anchors that predict nothing cost what splats by themselves do, and a guess is worth what it says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import gscompress
from gscompress.anchored import GROUPS, AnchorDraft, anchored, in_anchors
from gscompress.draft import Draft
from gscompress.encoder import Encoder, plan
from gscompress.errors import InputError
from gscompress.model.anchors import GUESS, NEAR, IntegerLayer, IntegerNetwork
from gscompress.model.prediction import DEFAULT, fit_predictor

TILE = Path(__file__).resolve().parents[1] / "scenes" / "tile.ply"


@pytest.fixture(scope="module")
def draft() -> Draft:
    scene = gscompress.load(TILE)
    scene = scene.select(np.argsort(scene.means[:, 0])[4000:8000])
    encoder = Encoder.open(scene, plan("fast", len(scene)), None, lambda share: None)
    return encoder.code(scene, encoder.slope(35.0))[0]


@pytest.mark.parametrize(("slots", "coarser"), [(1, 0), (4, 1), (8, 1), (8, 2)])
def test_the_size_is_that_of_splats(draft, slots, coarser):
    """Within 5 %, and the same splats in another order."""
    predictor = fit_predictor(draft.run(DEFAULT, 0).normal)
    rows = np.arange(len(draft.codes))
    plain = draft.file(draft.run(predictor, 0), 0, predictor, rows)
    made = anchored(draft, slots, coarser)
    predictor = fit_predictor(made.run(DEFAULT, 0).normal)
    run = made.run(predictor, 0)
    file = made.file(run, 0, predictor, rows)
    assert len(file.pack({})) < 1.05 * len(plain.pack({}))
    assert sorted(file.order) == sorted(plain.order)
    assert 8 * sum(map(len, run.anchors)) == pytest.approx(run.bits[:-1].sum(), rel=0.02)
    wanted = draft.splats.means[np.argsort(draft.layout.order)]
    found, expected = (np.linalg.norm(f.decode().means - wanted[f.order], axis=1).mean() for f in (file, plain))
    assert found < 1.3 * expected


def test_anchors_are_full_before_there_are_more(draft):
    made = anchored(draft, 4, 2)
    codes, presence = made.anchors.codes, made.anchors.presence.astype(int)
    assert (np.diff(codes.astype(np.int64)) >= 0).all()
    assert presence.sum() == len(draft.codes)
    assert (presence[:-1].sum(1)[codes[:-1] == codes[1:]] == 4).all()
    np.testing.assert_array_equal(np.repeat(codes, presence.sum(1)), made.children.codes)


def guessing(draft: AnchorDraft, off: float) -> AnchorDraft:
    """With a network that says that all values of every child are so much larger than its neighbours'."""
    slot = np.r_[[0] * 4, [round(off * 256)] * 7, [0] * 10].astype(np.int32)
    slots = draft.networks.slots
    layer = IntegerLayer(np.zeros((GUESS * slots, NEAR), np.int8), np.tile(slot, slots), np.zeros(GUESS * slots, np.uint8))
    return replace(draft, networks=replace(draft.networks, children=IntegerNetwork((layer,))))


def test_guesses_add_to_what_the_neighbours_tell(draft):
    made, scales = anchored(draft, 4), GROUPS.index("scale")
    predictor = fit_predictor(made.run(DEFAULT, 0).normal)
    plain = made.run(predictor, 0).bits[scales]
    bits = [guessing(made, off).run(predictor, 0).bits[scales] for off in (0, 4, 16)]
    assert bits[0] == pytest.approx(plain, rel=0.02)
    assert bits == sorted(bits)
    guess = guessing(made, 4)  # a predictor that is fitted to it takes most of it off again
    assert guess.run(fit_predictor(guess.run(DEFAULT, 0).normal), 0).bits[scales] < bits[1]


def test_any_anchors_in_any_order(draft):
    """Shuffled anchors, shuffled slots, some empty: each splat comes back where it was, the latents go with their anchors."""
    random = np.random.default_rng(0)
    made = anchored(draft, 4)
    a, n = made.anchors, len(draft.codes)
    shuffled = random.permutation(len(a.codes) + 5)  # the last five hold nothing
    codes = np.r_[a.codes, a.codes[:5]][np.argsort(shuffled)]
    owner = np.repeat(np.arange(len(a.codes)), a.presence.sum(1, dtype=np.int64))
    slots = random.permuted(np.tile(np.arange(7), (len(a.codes), 1)), axis=1)
    anchor, slot = np.empty(n, np.int64), np.empty(n, np.int64)
    rows = made.children.layout.order
    anchor[rows], slot[rows] = shuffled[owner], slots[owner, np.nonzero(a.presence)[1]]
    latent = random.integers(-9, 10, (len(codes), 2)).astype(np.int32)
    networks = replace(made.networks, slots=7, latent_steps=np.full(2, 256, np.uint16))
    again = in_anchors(draft, made.children.grid, codes, anchor, slot, networks, np.zeros((len(codes), 0), np.int32), latent)
    assert len(again.anchors.codes) == len(a.codes)
    np.testing.assert_array_equal(again.anchors.codes, codes[again.anchors.order])
    np.testing.assert_array_equal(again.anchors.latent, latent[again.anchors.order])
    file = again.file(again.run(DEFAULT, 0), 0, DEFAULT, np.arange(n))
    wanted = draft.splats.means[np.argsort(draft.layout.order)][file.order]
    assert np.median(np.linalg.norm(file.decode().means - wanted, axis=1)) < 0.01
    with pytest.raises(InputError, match="slot: expected one splat in each"):
        in_anchors(draft, made.children.grid, codes, anchor, slot * 0, networks, latent[:, :0], latent)
    with pytest.raises(InputError, match="anchor: expected 4000 numbers"):
        in_anchors(draft, made.children.grid, codes[:9], anchor, slot, networks, latent[:9, :0], latent[:9])
