"""Which frames are held out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models import random_frame
from neptuner.training.split import largest_forces, validation_mask


def test_split_keeps_the_share_of_every_size() -> None:
    frames = [random_frame(n_atoms=n) for n in [3] * 40 + [5] * 20]
    mask = validation_mask(frames, 0.1, seed=1)
    assert mask[:40].sum() == 4
    assert mask[40:].sum() == 2
    np.testing.assert_array_equal(mask, validation_mask(frames, 0.1, seed=1))
    assert not np.array_equal(mask, validation_mask(frames, 0.1, seed=2))
    assert not validation_mask(frames[:9], 0.1, seed=1).any()


def test_groups_are_held_out_whole() -> None:
    frames = [replace(random_frame(n_atoms=4 + i % 2), info={"run": f"{i // 6}"}) for i in range(60)]
    mask = validation_mask(frames, 0.2, seed=1, group="run")
    assert 12 <= mask.sum() < 18
    for size in (4, 5):
        sides = {}
        for frame, held in zip(frames, mask, strict=True):
            if frame.n_atoms == size:
                sides.setdefault(frame.info["run"], set()).add(bool(held))
        assert all(len(side) == 1 for side in sides.values())


def test_frames_with_the_largest_force_on_an_element_are_trained_on() -> None:
    frames = [random_frame(seed, n_atoms=4, labels=True) for seed in range(40)]
    forces = frames[7].forces
    assert forces is not None
    frames[7] = replace(frames[7], forces=100.0 * forces)
    extreme = largest_forces(frames)
    assert 7 in extreme and len(extreme) <= 4
    drawn = [validation_mask(frames, 0.3, seed) for seed in range(20)]
    assert all(mask.sum() == 12 and not mask[sorted(extreme)].any() for mask in drawn)
    assert sum(mask[8] for mask in drawn) > 0


def test_extreme_frames_are_held_out_where_nothing_else_is_left() -> None:
    frames = [replace(random_frame(i, n_atoms=4, labels=True), info={"run": f"{i % 2}"}) for i in range(20)]
    assert validation_mask(frames, 0.2, seed=1, group="run").sum() == 10
