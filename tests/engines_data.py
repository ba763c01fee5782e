"""A small training directory with the labels of a random potential."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from models import random_frame, random_model
from neptuner.files.extxyz import write_frames
from neptuner.kernels.prediction import predict as predict_frames

NEP_IN = """type 2 Mg O
cutoff 5 4
n_max 2 2
basis_size 4 4
l_max 2 1
neuron 6
batch 10
output_interval 20
"""


def labelled(n_frames: int, first_seed: int) -> list:
    """Frames with the labels of a random potential plus an energy of each species."""
    teacher = random_model(neuron=(4,), l_max=(2, 0, 0, 0, 0, 0, 0), seed=5)
    frames = []
    for seed in range(first_seed, first_seed + n_frames):
        frame = random_frame(seed, n_atoms=4 + seed % 3)
        outputs = predict_frames(teacher, [frame], dtype=np.float64)
        offset = sum(-2.0 if symbol == "Mg" else -7.0 for symbol in frame.species)
        frames.append(
            replace(frame, energy=float(outputs.energy[0]) + offset, forces=outputs.forces, virial=outputs.virial[0])
        )
    return frames


def training_folder(folder: Path) -> Path:
    """Fill a folder with nep.in, 30 training and 6 test frames."""
    (folder / "nep.in").write_text(NEP_IN)
    write_frames(folder / "train.xyz", labelled(30, 0))
    write_frames(folder / "test.xyz", labelled(6, 100))
    return folder
