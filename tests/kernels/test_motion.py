"""The loops over atoms of molecular dynamics against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from models import CELL
from neptuner.kernels.images import full_cell
from neptuner.kernels.motion import (
    correlate_rows,
    count_pairs,
    drifted,
    driven,
    fastest,
    heat_tensor,
    kicked,
    kinetic_tensor,
    square_displacements,
)

RNG = np.random.default_rng(0)
N = 9
X, V, F = RNG.normal(size=(3, N, 3))
W = RNG.normal(size=(N, 3, 3))
M = RNG.uniform(1.0, 40.0, N)


def close(ours, expected) -> None:
    np.testing.assert_allclose(ours, expected, rtol=1e-13, atol=1e-13)


def test_kick_and_drift() -> None:
    close(kicked(V, F, M, 0.3), V + 0.3 * F / M[:, None])
    close(drifted(X, V, 0.7), X + 0.7 * V)


def test_kinetic_tensor_is_symmetric() -> None:
    tensor = kinetic_tensor(V, M)
    close(tensor, np.einsum("i,ia,ib->ab", M, V, V))
    assert np.array_equal(tensor, tensor.T)


def test_heat_tensor_is_of_virials_and_velocities() -> None:
    close(heat_tensor(W, V), np.einsum("iab,ib->ab", W, V))


def test_driving_force_is_from_the_left_and_has_no_mean() -> None:
    """The field multiplies the first index of the virial: Fe . W, not W . Fe."""
    fe = np.array([0.2, -0.1, 0.5])
    forces = np.array([F[i] + sum(fe[a] * W[i, a] for a in range(3)) for i in range(N)])
    ours = driven(F, W, fe)
    close(ours, forces - forces.mean(axis=0))
    assert np.abs(ours.sum(axis=0)).max() < 1e-13
    other = F + np.einsum("iba,a->ib", W, fe)
    assert np.abs(ours - (other - other.mean(axis=0))).max() > 0.1


def test_without_a_field_only_the_mean_force_goes() -> None:
    close(driven(F, W, np.zeros(3)), F - F.mean(axis=0))


def test_fastest_is_the_first_of_equals() -> None:
    v = np.zeros((4, 3))
    assert fastest(v) == (0, 0.0)
    v[2], v[3] = (0.0, -3.0, 4.0), (5.0, 0.0, 0.0)
    assert fastest(v) == (2, 25.0)


@pytest.mark.parametrize("count", [5, 8, 13])
def test_rings_know_their_lags(count: int) -> None:
    """Whatever row is the newest: lag k is k samples ago."""
    lags, ring, track = 5, np.zeros((5, 4)), RNG.normal(size=(count, 4))
    for k, row in enumerate(track):
        ring[k % lags] = row
    sums = np.full(lags, 1.0)
    now = RNG.normal(size=4)
    correlate_rows(ring, now, sums, (count - 1) % lags)
    close(sums, 1.0 + np.array([track[count - 1 - lag] @ now for lag in range(lags)]))


def test_square_displacements_by_axis() -> None:
    lags, ring, track = 4, np.zeros((4, 3, N)), RNG.normal(size=(6, 3, N))
    for k, row in enumerate(track):
        ring[k % lags] = row
    sums = np.zeros((lags, 3))
    square_displacements(ring, track[5], sums, 5 % lags)
    close(sums, [((track[5] - track[5 - lag]) ** 2).sum(axis=1) for lag in range(lags)])


@pytest.mark.parametrize("pbc", [(True, True, True), (True, False, True), (False, False, False)])
def test_pairs_are_those_of_all_images(pbc) -> None:
    """In a slanted cell, atoms anywhere, all images within two cells in each direction."""
    rng, n = np.random.default_rng(3), 25
    cell = 2.6 * CELL
    positions, types = rng.uniform(-20, 20, (n, 3)), np.arange(n, dtype=np.int32) % 3
    if not all(pbc):
        positions = rng.random((n, 3)) @ cell
    counts, bins, width = np.zeros((25, 3, 3), np.int64), 25, 0.15
    full = full_cell(cell, pbc)
    count_pairs(positions, types, full, np.linalg.inv(full), np.array(pbc), width, counts)
    expected = np.zeros_like(counts)
    inside = positions - np.where(pbc, np.floor(positions @ np.linalg.inv(cell)), 0.0) @ cell
    for shift in np.ndindex(5, 5, 5):
        move = np.where(pbc, np.array(shift) - 2, 0) @ cell
        if not all(s == 2 for s, p in zip(shift, pbc, strict=True) if not p):
            continue
        for i in range(n):
            for j in range(n):
                place = int(np.linalg.norm(inside[i] - inside[j] - move) / width)
                if i != j and place < bins:
                    expected[place, types[i], types[j]] += 1
    assert expected.sum() > 20
    assert np.array_equal(counts, expected)
