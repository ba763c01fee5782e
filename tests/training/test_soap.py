"""SOAP on functions whose minimum is known, and against a slow transcription."""

from __future__ import annotations

import numpy as np
import pytest

from models import random_model
from neptuner.potential.parameters import parameter_count
from neptuner.potential.settings import Settings
from neptuner.training.adamw import AdamW
from neptuner.training.blocks import parameter_blocks
from neptuner.training.optimizers import Optimizer
from neptuner.training.schedule import Schedule, learning_rate
from neptuner.training.soap import Soap, SoapSettings

SHAPE = random_model(neuron=(6,), l_max=(2, 0, 0, 0, 0, 0, 0)).settings

STILL = SoapSettings(weight_decay=0.0)


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("neuron", [(5,), (4, 3)])
def test_every_parameter_stands_in_one_block(version: int, neuron: tuple[int, ...]) -> None:
    settings = random_model(version, neuron, elements=("Mg", "O", "Ni")).settings
    places = np.concatenate([block.ravel() for block in parameter_blocks(settings)])
    assert sorted(places.tolist()) == list(range(parameter_count(settings)))


def descend(optimizer: Optimizer, hessian: np.ndarray, target: np.ndarray, steps: int) -> float:
    """Distance from the minimum of a bowl after some steps from zero."""
    values = np.zeros(len(target))
    for step in range(steps):
        rate = learning_rate(Schedule(0.05), step / steps)
        values = optimizer.step(values, hessian @ (values - target), rate)
    return float(np.linalg.norm(values - target))


def askew_bowl(settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """A valley 1000 times longer than wide inside each block, along no parameter, as correlated inputs make it."""
    rng = np.random.default_rng(1)
    n = parameter_count(settings)
    hessian = np.zeros((n, n))
    for block in parameter_blocks(settings):
        rows, columns = block.shape[1:]
        sides = []
        for size in (rows, columns):
            turn = np.linalg.qr(rng.normal(size=(size, size)))[0]
            sides.append(turn * np.geomspace(1.0, 30.0, size) @ turn.T)
        for matrix in block:
            places = matrix.ravel()
            hessian[np.ix_(places, places)] = np.kron(sides[0], sides[1])
    return hessian, rng.normal(size=n)


def test_a_valley_askew_to_the_parameters_is_descended_faster_than_by_adam() -> None:
    hessian, target = askew_bowl(SHAPE)
    soap = descend(Soap(SHAPE, STILL), hessian, target, 400)
    adam = descend(AdamW(len(target)), hessian, target, 400)
    assert soap < 0.4 * adam
    assert soap < 0.05 * np.linalg.norm(target)


def test_steps_are_those_of_a_slow_transcription() -> None:
    """One matrix at a time, loops over rotated numbers, as the paper's algorithm 3 has it (with bias correction)."""
    settings, rng, n = (
        SoapSettings(refresh=3, eager=2, weight_decay=0.0),
        np.random.default_rng(0),
        parameter_count(SHAPE),
    )
    soap, values, expected = Soap(SHAPE, settings), np.ones(n), np.ones(n)
    matrices = [matrix for block in parameter_blocks(SHAPE) for matrix in block]
    memory = [None] * len(matrices)
    for step in range(1, 8):
        gradient = rng.normal(size=n)
        values = soap.step(values, gradient, 0.1)
        for number, places in enumerate(matrices):
            memory[number], move = slow_step(memory[number], gradient[places], step, settings)
            expected[places] -= 0.1 * move
        np.testing.assert_allclose(values, expected, atol=1e-4)  # directions without gradient: rounding over epsilon


def slow_step(memory, G: np.ndarray, step: int, settings: SoapSettings):
    zeros = np.zeros
    rows, columns = G.shape
    L, R, M, V, QL, QR = memory or (
        zeros((rows, rows)),
        zeros((columns, columns)),
        G * 0,
        G * 0,
        np.eye(rows),
        np.eye(columns),
    )
    L = settings.beta2 * L + (1 - settings.beta2) * G @ G.T
    R = settings.beta2 * R + (1 - settings.beta2) * G.T @ G
    M = settings.beta1 * M + (1 - settings.beta1) * G
    turned, first = QL.T @ G @ QR, QL.T @ M @ QR
    V = settings.beta2 * V + (1 - settings.beta2) * turned**2
    move = np.empty_like(G)
    for i in range(len(G)):
        for j in range(G.shape[1]):
            mean, square = first[i, j] / (1 - settings.beta1**step), V[i, j] / (1 - settings.beta2**step)
            move[i, j] = mean / (np.sqrt(square) + settings.epsilon)
    move = QL @ move @ QR.T
    if step % settings.refresh == 0 or step <= settings.eager:
        QL, QR = (
            np.linalg.qr(S @ Q + (1e-9 * np.trace(S) + np.finfo(float).tiny) * Q)[0] for S, Q in ((L, QL), (R, QR))
        )
    return (L, R, M, V, QL, QR), move


@pytest.mark.parametrize("make", [lambda: Soap(SHAPE), lambda: AdamW(parameter_count(SHAPE))])
def test_a_snapshot_is_all_that_it_remembers(make) -> None:
    rng, n = np.random.default_rng(2), parameter_count(SHAPE)
    gradients = rng.normal(size=(12, n))
    one, values = make(), np.zeros(n)
    for gradient in gradients[:7]:
        values = one.step(values, gradient, 0.1)
    snapshot = {name: array.copy() for name, array in one.snapshot().items()}
    other = make()
    other.restore(snapshot)
    for gradient in gradients[7:]:
        a, b = one.step(values, gradient, 0.1), other.step(values, gradient, 0.1)
        np.testing.assert_array_equal(a, b)
        values = a


def test_parameters_without_gradient_stay() -> None:
    """As those of a species that no frame has."""
    n = parameter_count(SHAPE)
    gradient = np.zeros(n)
    block = parameter_blocks(SHAPE)[0]
    gradient[block[0].ravel()] = np.random.default_rng(0).normal(size=block[0].size)
    optimizer, values = Soap(SHAPE, STILL), np.ones(n)
    for _ in range(15):
        values = optimizer.step(values, gradient, 0.1)
    moved = values != 1.0
    assert moved[block[0].ravel()].all()
    assert np.count_nonzero(moved) == block[0].size


def test_weight_decay_is_a_share_of_the_rate() -> None:
    n = parameter_count(SHAPE)
    values = Soap(SHAPE, SoapSettings(weight_decay=0.1)).step(np.full(n, 2.0), np.zeros(n), 0.5)
    np.testing.assert_allclose(values, 2.0 * (1 - 0.05))
