"""A NEP: its settings and numbers, read from and written to ``nep.txt``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from neptuner.files.nep_txt import NepTxt, read_nep_txt, write_nep_txt
from neptuner.potential.parameters import Parameters, parameter_count, unpack
from neptuner.potential.settings import Settings


@dataclass(frozen=True)
class Model:
    """A neuroevolution potential."""

    settings: Settings
    values: NDArray[np.float64]
    """Every trainable number, ``(parameter_count,)``, in the order of ``nep.txt``."""
    q_scaler: NDArray[np.float64]
    """Factor of each descriptor, ``(dim,)``."""
    max_neighbors: tuple[int, int] = (0, 0)
    """Most radial and angular neighbours of an atom in the training data; gpumd sizes its lists by it."""

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a ``nep.txt``.

        Raises
        ------
        InputError
            If the file is missing or damaged, or holds a kind of model that is not supported.
        """
        nep_txt = read_nep_txt(path)
        settings = Settings.from_nep_txt(nep_txt)
        count = parameter_count(settings)
        q_scaler = nep_txt.values[count : count + settings.dim]
        return cls(settings, nep_txt.values[:count], q_scaler, nep_txt.max_neighbors)

    def write(self, path: str | Path) -> None:
        """Write a ``nep.txt`` that GPUMD and its relatives read."""
        settings = self.settings
        zbl = settings.zbl
        flexible = () if zbl is None or zbl.pairs is None else zbl.pairs
        write_nep_txt(
            path,
            NepTxt(
                version=settings.version,
                elements=settings.elements,
                cutoff=settings.cutoff,
                max_neighbors=self.max_neighbors,
                n_max=settings.n_max,
                basis_size=settings.basis_size,
                l_max=settings.l_max,
                neuron=settings.neuron,
                values=np.concatenate([self.values, self.q_scaler, np.ravel(flexible)]),
                zbl=None if zbl is None else zbl.header,
                typewise_cutoff=_typewise_factors(settings),
            ),
        )

    @cached_property
    def parameters(self) -> Parameters:
        """Named views of ``values``."""
        return unpack(self.settings, self.values)


def _typewise_factors(settings: Settings) -> tuple[float, float, float] | None:
    """The three factors (radial, angular, ZBL; -1: off) on the `cutoff` line of GPUMD 3.9.5 to 4.6; None: none."""
    zbl = settings.zbl.factor if settings.zbl is not None and settings.zbl.inner_is_half else None
    if settings.typewise_cutoff is None and zbl is None:
        return None
    radial, angular = settings.typewise_cutoff or (-1.0, -1.0)
    return radial, angular, -1.0 if zbl is None else zbl
