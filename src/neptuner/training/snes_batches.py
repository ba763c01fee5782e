"""The fixed batches of GPUMD's ``nep`` (``src/main_nep/structure.cu``): each spans the whole range of energies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def fixed_batches(energy_per_atom: NDArray[np.float64], batch: int) -> list[NDArray[np.int64]]:
    """Deal frames out to as few batches as hold at most ``batch`` of them, of sizes that differ by one at most.

    The frames of each batch, sorted by energy, are every n-th of all; one batch keeps the order of the file.

    Parameters
    ----------
    energy_per_atom
        Of each frame, ``(n_frames,)`` in eV.
    batch
        Wanted size.
    """
    n_frames = len(energy_per_atom)
    n_batches = -(-n_frames // batch)
    if n_batches <= 1:
        return [np.arange(n_frames)]
    order = np.argsort(energy_per_atom, kind="stable")
    return [order[first::n_batches] for first in range(n_batches)]
