"""The settings that fix the shape of a NEP: everything in the header of ``nep.txt``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from neptuner.files.elements import covalent_radii
from neptuner.files.nep_in import NepIn
from neptuner.files.nep_txt import NepTxt
from neptuner.potential.zbl import Zbl


@dataclass(frozen=True)
class Settings:
    """Shape of a potential-type NEP; names are those of ``nep.in``."""

    elements: tuple[str, ...]
    """Chemical symbols; their order defines the species index."""
    version: int
    """3 (one network for all species), 4 (one each), or 5 (one each, with its own output bias)."""
    cutoff: tuple[float, ...]
    """Radial and angular cutoff in angstrom: one pair for all species or one pair for each."""
    n_max: tuple[int, int]
    basis_size: tuple[int, int]
    l_max: tuple[int, ...]
    """Highest l of the three-body invariants, then 0 or 1 for q222, q1111, q112, q123, q233, q134."""
    neuron: tuple[int, ...]
    """Neurons of the one or two hidden layers."""
    typewise_cutoff: tuple[float, float] | None = None
    """Positive factors of the sum of two covalent radii that limit the radial and the angular cutoff of a pair."""
    zbl: Zbl | None = None
    """The repulsion at short range that is added to the network; its neighbours are the angular ones."""

    @classmethod
    def from_nep_in(cls, nep_in: NepIn) -> Settings:
        """Take the settings from a parsed ``nep.in``."""
        return cls(
            nep_in.type,
            nep_in.version,
            nep_in.cutoff,
            nep_in.n_max,
            nep_in.basis_size,
            nep_in.l_max,
            nep_in.neuron,
        )

    @classmethod
    def from_nep_txt(cls, nep_txt: NepTxt) -> Settings:
        """Take the settings from the header of a ``nep.txt``."""
        return cls(
            nep_txt.elements,
            nep_txt.version,
            nep_txt.cutoff,
            nep_txt.n_max,
            nep_txt.basis_size,
            nep_txt.l_max,
            nep_txt.neuron,
            _typewise_cutoff(nep_txt),
            Zbl.from_nep_txt(nep_txt),
        )

    @property
    def n_types(self) -> int:
        """Number of species."""
        return len(self.elements)

    @property
    def n_networks(self) -> int:
        """Number of networks: one for all species in NEP3, else one a species."""
        return 1 if self.version == 3 else self.n_types

    @property
    def functions(self) -> tuple[int, int]:
        """Number of radial and angular functions g_n (``n_max + 1``)."""
        return self.n_max[0] + 1, self.n_max[1] + 1

    @property
    def basis(self) -> tuple[int, int]:
        """Number of radial and angular basis functions f_k (``basis_size + 1``)."""
        return self.basis_size[0] + 1, self.basis_size[1] + 1

    @property
    def l_three_body(self) -> int:
        """Highest l of the three-body invariants."""
        return self.l_max[0]

    @property
    def n_harmonics(self) -> int:
        """Number of real spherical harmonics with 1 <= l <= l_max."""
        return self.l_three_body * (self.l_three_body + 2)

    @property
    def n_invariants(self) -> int:
        """Number of angular invariants for one n."""
        return self.l_three_body + sum(self.l_max[1:])

    @property
    def dim(self) -> int:
        """Length of the descriptor vector."""
        return self.functions[0] + self.functions[1] * self.n_invariants

    @cached_property
    def pair_cutoffs(self) -> NDArray[np.float64]:
        """Cutoffs of species pairs in angstrom, ``(2, n_types, n_types)``.

        The mean of the two species' values, or the type-wise factor times the sum of their radii if that is less.
        """
        per_type = np.array(self.cutoff, dtype=float).reshape(-1, 2)
        per_type = np.broadcast_to(per_type, (self.n_types, 2)).T
        means: NDArray[np.float64] = 0.5 * (per_type[:, :, None] + per_type[:, None, :])
        if self.typewise_cutoff is None:
            return means
        radii = np.array(covalent_radii(self.elements))
        limits = np.multiply.outer(self.typewise_cutoff, np.add.outer(radii, radii))
        smaller: NDArray[np.float64] = np.minimum(means, limits)
        return smaller


def _typewise_cutoff(nep_txt: NepTxt) -> tuple[float, float] | None:
    """Take the factors for the radial and angular cutoffs; -1 stands for absent ones."""
    if nep_txt.typewise_cutoff is None or nep_txt.typewise_cutoff[0] <= 0:
        return None
    radial, angular, _ = nep_txt.typewise_cutoff
    return radial, angular
