"""What differs between versions of GPUMD in the files it reads and writes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from neptuner.errors import InputError

_NUMBER = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, order=True)
class GpumdVersion:
    """A version of GPUMD; newer ones compare greater."""

    major: int
    minor: int
    patch: int = 0

    def __str__(self) -> str:
        numbers = (self.major, self.minor, self.patch) if self.patch else (self.major, self.minor)
        return ".".join(map(str, numbers))

    @classmethod
    def parse(cls, text: str) -> GpumdVersion:
        """A version as written in a tag or a banner: "v4.9", "5.6" or "3.9.5".

        Raises
        ------
        InputError
            If it is not written so.
        """
        match = _NUMBER.fullmatch(text.strip())
        if match is None:
            raise InputError(f"`{text}` is not a version of GPUMD, expected one such as 4.9 or 3.9.5")
        return cls(*(int(number or 0) for number in match.groups()))

    @property
    def has_dump_xyz(self) -> bool:
        """Whether there is `dump_xyz`; before, `dump_exyz` wrote dump.xyz."""
        return self >= GpumdVersion(4, 0)

    @property
    def dump_xyz_takes_interval_first(self) -> bool:
        """Whether `dump_xyz` begins with the interval, and grouping method and label are an option."""
        return self > GpumdVersion(5, 6)

    @property
    def dump_xyz_writes_groups(self) -> bool:
        """Whether `dump_xyz` can write group labels."""
        return self >= GpumdVersion(4, 2)

    @property
    def minimizes_cell(self) -> bool:
        """Whether `minimize fire` can relax the cell."""
        return self >= GpumdVersion(4, 0)

    @property
    def thermo_has_12_columns(self) -> bool:
        """Whether thermo.out has only the three edges of an orthogonal cell."""
        return self < GpumdVersion(4, 0)

    @property
    def writes_headers(self) -> bool:
        """Whether thermo.out, shc.out and msd.out have lines beginning with ``#``."""
        return self >= GpumdVersion(5, 6)

    @property
    def rdf_has_all_pairs(self) -> bool:
        """Whether `compute_rdf` writes every pair of elements, not only those it is told."""
        return self >= GpumdVersion(4, 9)

    @property
    def runs_nep3(self) -> bool:
        """Whether it runs models whose elements share one network."""
        return self < GpumdVersion(5, 3)

    @property
    def runs_nep5(self) -> bool:
        """Whether it runs models whose elements have output biases of their own."""
        return self >= GpumdVersion(4, 0)

    @property
    def reads_l_max_flags(self) -> bool:
        """Whether any number other than 0 in `l_max` of nep.txt switches q222 on; before, only a 2 does."""
        return self >= GpumdVersion(5, 3)

    @property
    def has_all_invariants(self) -> bool:
        """Whether it knows q112, q123, q233 and q134."""
        return self >= GpumdVersion(5, 4)

    @property
    def has_cutoffs_by_element(self) -> bool:
        """Whether each element may have its own cutoffs."""
        return self >= GpumdVersion(4, 7)

    @property
    def has_cutoffs_by_radius(self) -> bool:
        """Whether cutoffs may be limited by covalent radii."""
        return GpumdVersion(3, 9, 5) <= self < GpumdVersion(4, 7)


LATEST = GpumdVersion(5, 7)
"""The next release, whose keywords GPUMD's development version already has while calling itself 5.6."""
