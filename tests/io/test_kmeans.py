"""The SOG writer's codebooks against what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from gscompress.io.kmeans import _lloyd, palette, scalar_codebook
from gscompress.io.morton import morton_order


def test_scalar_indices_name_the_nearest_level():
    values = np.random.default_rng(0).normal(0, 1, (5000, 3)).astype(np.float32)
    book, index = scalar_codebook(values)
    assert (np.diff(book) >= 0).all()
    best = np.abs(values[..., None] - book).min(-1)
    np.testing.assert_allclose(np.abs(values - book[index]), best, atol=1e-6)


def test_scalar_codebook_beats_uniform_levels():
    values = np.random.default_rng(1).normal(0, 1, 20_000)
    book, index = scalar_codebook(values)
    uniform = np.ptp(values) / 256 / np.sqrt(12)
    assert np.sqrt(np.mean((values - book[index]) ** 2)) < 0.75 * uniform


@pytest.mark.parametrize("values", [np.zeros(0), np.full(7, 2.5), np.arange(256.0), np.array([1e30, -1e30])])
def test_few_distinct_values_are_exact(values):
    book, index = scalar_codebook(values.astype(np.float32))
    np.testing.assert_allclose(book[index], values, rtol=1e-6)


def test_palette_is_nearly_as_good_as_plain_k_means():
    vectors = np.random.default_rng(2).normal(0, 1, (6000, 9)).astype(np.float32)
    entries, labels = palette(vectors, 256, seed=0)
    assert 200 <= len(entries) <= 256
    plain, plain_labels = _lloyd(vectors, 256, 10, np.random.default_rng(0))
    ours, theirs = (np.mean((vectors - e[i]) ** 2) for e, i in ((entries, labels), (plain, plain_labels)))
    assert ours < 1.15 * theirs


def test_palette_depends_on_the_seed_alone():
    vectors = np.random.default_rng(3).normal(0, 1, (3000, 4)).astype(np.float32)
    first, again, other = (palette(vectors, 50, seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])


def test_palette_of_one_and_of_equal_vectors():
    vectors = np.random.default_rng(4).normal(0, 1, (100, 3)).astype(np.float32)
    entries, labels = palette(vectors, 1, 0)
    np.testing.assert_allclose(entries, vectors.mean(0, keepdims=True), atol=1e-6)
    assert (labels == 0).all()
    entries, labels = palette(np.ones((100, 3), np.float32), 10, 0)
    np.testing.assert_array_equal(entries[labels], np.ones((100, 3)))


def test_morton_order_walks_the_octants_in_turn():
    points = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)], np.float32)
    shuffle = np.random.default_rng(5).permutation(8)
    np.testing.assert_array_equal(points[shuffle][morton_order(points[shuffle])], points)


def test_morton_neighbours_are_close():
    points = np.random.default_rng(6).uniform(0, 1, (4000, 3)).astype(np.float32)
    walk = np.linalg.norm(np.diff(points[morton_order(points)], axis=0), axis=1).mean()
    assert walk < 0.15 * np.linalg.norm(np.diff(points, axis=0), axis=1).mean()
