"""Neighbour lists and periodic images against a search over all images."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neptuner.files.frames import Frame
from neptuner.kernels.cell_list import find_neighbors, sort_into_boxes
from neptuner.kernels.images import find_images, full_cell, place_images
from neptuner.potential.reference import all_pairs

Vectors = set[tuple[int, ...]]


def listed(frame: Frame, cutoffs: np.ndarray, types: np.ndarray) -> tuple[Vectors, Vectors]:
    """Pairs of our list as (i, type of j, j, rounded vector)."""
    images = find_images(frame.positions, frame.cell, frame.pbc, float(cutoffs.max()))
    x = np.empty((len(images.origin), 3))
    place_images(frame.positions, full_cell(frame.cell, frame.pbc), images.origin, images.shift, x)
    image_types = types[images.origin]
    grid, order = sort_into_boxes(x, image_types, float(cutoffs.max()))
    atoms, homes = np.arange(frame.n_atoms)[::-1], np.argsort(order).astype(np.int32)
    found = []
    for neighbors in find_neighbors(grid, homes[atoms], cutoffs, (1, 1)):
        pairs = set()
        for place, i in enumerate(atoms):
            for t in range(len(cutoffs[0])):
                for j in order[neighbors.neighbor[neighbors.start[place, t] : neighbors.start[place, t + 1]]]:
                    pairs.add((int(i), t, int(images.origin[j]), *np.round(1e6 * (x[j] - x[i])).astype(int).tolist()))
        assert len(pairs) == neighbors.start[-1, -1] - neighbors.start[0, 0]
        found.append(pairs)
    return found[0], found[1]


def expected(frame: Frame, cutoffs: np.ndarray, types: np.ndarray) -> Vectors:
    i, j, vectors = all_pairs(frame, float(cutoffs.max()))
    near = np.linalg.norm(vectors, axis=1) < cutoffs[types[i], types[j]]
    rounded = np.round(1e6 * vectors).astype(int)
    return {
        (int(a), int(types[b]), int(b), *v.tolist()) for a, b, v in zip(i[near], j[near], rounded[near], strict=True)
    }


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 12), st.floats(0.5, 9.0), st.tuples(*[st.booleans()] * 3))
def test_neighbours_are_those_of_a_search_over_all_images(seed: int, n: int, size: float, pbc) -> None:
    rng = np.random.default_rng(seed)
    cell = size * (np.eye(3) + 0.4 * rng.uniform(-1, 1, (3, 3)))
    frame = Frame(np.array(["H"] * n), rng.uniform(-2, 2, (n, 3)) @ cell, cell, pbc=pbc)
    types = rng.integers(0, 3, n).astype(np.int32)
    cutoffs = rng.uniform(0.5, 3.0, (2, 3, 3))
    cutoffs = cutoffs + cutoffs.transpose(0, 2, 1)
    cutoffs[1] = np.minimum(cutoffs[0], cutoffs[1])
    radial, angular = listed(frame, cutoffs, types)
    assert radial == expected(frame, cutoffs[0], types)
    assert angular == expected(frame, cutoffs[1], types)


def test_the_atoms_come_first_and_inside_the_cell() -> None:
    rng = np.random.default_rng(1)
    cell = 5.0 * (np.eye(3) + 0.2 * rng.uniform(-1, 1, (3, 3)))
    positions = rng.uniform(-3, 3, (20, 3)) @ cell
    images = find_images(positions, cell, (True, True, True), 4.0)
    assert images.origin[:20].tolist() == list(range(20))
    x = np.empty((len(images.origin), 3))
    place_images(positions, cell, images.origin, images.shift, x)
    inside = x[:20] @ np.linalg.inv(cell)
    assert (inside >= -1e-12).all()
    assert (inside < 1 + 1e-12).all()


def test_a_molecule_in_vacuum_makes_few_boxes() -> None:
    x = np.array([[0.0, 0, 0], [1.0, 0, 0], [500.0, 400.0, 300.0]])
    grid, order = sort_into_boxes(x, np.zeros(3, np.int32), 4.0)
    assert len(grid.start) < 200
    assert sorted(order.tolist()) == [0, 1, 2]
    np.testing.assert_array_equal(grid.x.T, x[order])


@pytest.mark.parametrize("pbc", [(True, True, True), (True, False, True)])
def test_a_flat_cell_is_refused(pbc) -> None:
    cell = np.array([[1.0, 0, 0], [0, 1, 0], [2.0, 0, 0]])
    with pytest.raises(ValueError, match="linearly dependent"):
        full_cell(cell, pbc)
