"""Which frames are held out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models import random_frame
from neptuner.training.split import validation_mask


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
