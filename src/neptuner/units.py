"""Physical constants and conversions, as GPUMD has them (``src/utilities/common.cuh``).

Inside neptuner lengths are in angstrom, energies in electronvolt, masses in atomic mass units; other units
appear only where a file is read or written.
"""

BOLTZMANN = 8.617343e-5
"""Boltzmann's constant in eV/K."""

COULOMB = 14.399645
"""Coulomb's constant times the squared elementary charge, in eV angstrom."""

EV_PER_CUBIC_ANGSTROM_IN_GPA = 160.2177
"""One eV per cubic angstrom in gigapascal."""

FEMTOSECONDS_PER_UNIT = 10.18051
"""Angstrom sqrt(u/eV), the unit of time that goes with angstrom, eV and u, in femtoseconds."""

KAPPA_UNIT = 1.573769e5
"""One eV per (unit of time, angstrom, K) in W/(m K)."""
