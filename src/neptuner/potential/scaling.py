"""``q_scaler``: factors that bring descriptors into a range of one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FLAT = 1e-6
"""Range, in units of the largest value, that may be nothing but rounding."""


def descriptor_scales(q: NDArray[np.floating]) -> NDArray[np.float64]:
    """One over the range of each descriptor, ``(dim,)``; 1 for one that is the same for all atoms but for rounding.

    Parameters
    ----------
    q
        Unscaled descriptors, ``(n_atoms, dim)``.
    """
    q = q.astype(np.float64)
    span = np.ptp(q, axis=0)
    scales: NDArray[np.float64] = 1.0 / np.where(span > FLAT * (np.abs(q).max(axis=0) + 1e-12), span, 1.0)
    return scales
