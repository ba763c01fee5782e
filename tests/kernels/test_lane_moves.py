"""Moving lanes of vectors about: in single precision by an instruction of the processor, in double without it."""

from __future__ import annotations

import numpy as np
import pytest

from neptuner.kernels.compile import kernel
from neptuner.kernels.lane_moves import (
    closer,
    offsets,
    ones,
    put_chosen,
    store_quads,
    store_rows,
    take_products,
    take_quad,
)
from neptuner.kernels.vectors import LANES, load


@pytest.fixture(params=[np.float32, np.float64])
def numbers(request: pytest.FixtureRequest) -> np.ndarray:
    return np.random.default_rng(0).normal(size=8 * LANES).astype(request.param)


@kernel
def choose(squares, limit, count, values, integers, out, out_integers):
    chosen = closer(load(squares, 0), limit, count)
    put_chosen(out, 0, load(values, 0), chosen)
    put_chosen(out_integers, 0, load(integers, 0), chosen)
    return ones(chosen)


def chosen_lanes(squares: np.ndarray, limit: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    values, integers = np.arange(LANES, dtype=squares.dtype) + 1, np.arange(LANES, dtype=np.int32) + 10
    out, out_integers = np.zeros(2 * LANES, squares.dtype), np.zeros(2 * LANES, np.int32)
    n = choose(squares, squares.dtype.type(limit), count, values, integers, out, out_integers)
    assert not out[LANES:].any()
    assert not out_integers[LANES:].any()
    return out[:n], out_integers[:n]


def test_every_choice_of_lanes(numbers: np.ndarray) -> None:
    for bits in range(256):
        squares = np.array([0.5 if bits >> k & 1 else 2.0 for k in range(LANES)], numbers.dtype)
        expected = [k for k in range(LANES) if bits >> k & 1]
        values, integers = chosen_lanes(squares, 1.0, LANES)
        assert values.tolist() == [k + 1 for k in expected]
        assert integers.tolist() == [k + 10 for k in expected]


@pytest.mark.parametrize("count", [-3, 0, 1, 7, 8, 20])
def test_only_the_first_lanes_count(numbers: np.ndarray, count: int) -> None:
    values, _ = chosen_lanes(numbers[:LANES] * 0, 1.0, count)
    assert len(values) == min(max(count, 0), LANES)


@kernel
def vectors_to(x, home, neighbor, first, out):
    dx, dy, dz = offsets(x, home, neighbor, first, out)
    store_quads(out, 0, dx, dy, dz, dx * 0.0)


def test_vectors_are_subtracted_in_double_precision(numbers: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    x, neighbor = 1e4 + rng.normal(size=(20, 3)), rng.integers(0, 20, 12).astype(np.int32)
    x[19], neighbor[3] = 1e4, 19
    out = np.empty(4 * LANES, numbers.dtype)
    vectors_to(x, 19, neighbor, 2, out)
    assert np.array_equal(out.reshape(LANES, 4)[:, :3], (x[neighbor[2:10]] - x[19]).astype(numbers.dtype))


@kernel
def rows_of_eight(values, out):
    a, b, c, d = load(values, 0), load(values, 8), load(values, 16), load(values, 24)
    store_rows(out, 0, a, b, c, d, load(values, 32), load(values, 40), load(values, 48), load(values, 56))


def test_rows_are_the_transpose(numbers: np.ndarray) -> None:
    out = np.empty(8 * LANES, numbers.dtype)
    rows_of_eight(numbers, out)
    assert np.array_equal(out.reshape(LANES, 8), numbers.reshape(8, LANES).T)


@kernel
def subtract(sums, rows):
    take_quad(sums, 16, rows, 4)
    take_products(sums, 32, rows, 8)


def test_sums_lose_forces_and_products(numbers: np.ndarray) -> None:
    sums = np.ones(64, numbers.dtype)
    subtract(sums, numbers)
    expected = np.ones(64)
    expected[16:20] -= numbers[4:8]
    expected[32:48] -= np.outer(numbers[12:16], numbers[8:12].astype(float)).ravel()
    np.testing.assert_allclose(sums, expected, atol=1e-6)
