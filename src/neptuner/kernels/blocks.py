"""Atoms cut into the blocks that kernels work on."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neptuner.kernels.vectors import BLOCK


def species_blocks(sorted_types: NDArray[np.int32], n_types: int) -> NDArray[np.int64]:
    """Cut atoms sorted by species into rows ``(begin, end, species)``, of nearly the same size within a species."""
    ends = np.searchsorted(sorted_types, np.arange(n_types + 1))
    rows = []
    for t, (low, high) in enumerate(pairwise(ends)):
        pieces = -(-(high - low) // BLOCK)
        cuts = np.linspace(low, high, pieces + 1).astype(np.int64) if pieces else np.array([low])
        rows += [(begin, end, t) for begin, end in pairwise(cuts)]
    return np.array(rows, dtype=np.int64).reshape(-1, 3)
