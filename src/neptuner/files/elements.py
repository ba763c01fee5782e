"""The periodic table as extended XYZ and GPUMD spell it: case-sensitive symbols."""

from __future__ import annotations

from collections.abc import Sequence

from neptuner.errors import InputError

_TABLE = """
H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr
Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu
Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr
Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og
"""

ELEMENTS: tuple[str, ...] = tuple(_TABLE.split())
"""The 118 symbols; an element's atomic number is its index plus one."""

ATOMIC_NUMBERS: dict[str, int] = {symbol: number for number, symbol in enumerate(ELEMENTS, start=1)}
"""Atomic number of each symbol."""

LAST_OF_GPUMD = 94
"""Atomic number of plutonium, the last element that GPUMD's tables know."""

_RADII = """
0.426667 0.613333 1.6 1.25333 1.02667 1.0 0.946667 0.84 0.853333 0.893333 1.86667 1.66667 1.50667 1.38667 1.46667
1.36 1.32 1.28 2.34667 2.05333 1.77333 1.62667 1.61333 1.46667 1.42667 1.38667 1.33333 1.32 1.34667 1.45333 1.49333
1.45333 1.53333 1.46667 1.52 1.56 2.52 2.22667 1.96 1.85333 1.76 1.65333 1.53333 1.50667 1.50667 1.44 1.53333 1.64
1.70667 1.68 1.68 1.64 1.76 1.74667 2.78667 2.34667 2.16 1.96 2.10667 2.09333 2.08 2.06667 2.01333 2.02667 2.01333
2.0 1.98667 1.98667 1.97333 2.04 1.94667 1.82667 1.74667 1.64 1.57333 1.54667 1.48 1.49333 1.50667 1.76 1.73333
1.73333 1.81333 1.74667 1.84 1.89333 2.68 2.41333 2.22667 2.10667 2.02667 2.04 2.05333 2.06667
"""

COVALENT_RADII: dict[str, float] = dict(zip(ELEMENTS, map(float, _RADII.split()), strict=False))
"""Covalent radius of H to Pu in angstrom, to the digits of GPUMD: 4/3 of the radius that DFT-D3 uses."""


def covalent_radii(elements: Sequence[str]) -> tuple[float, ...]:
    """Covalent radii in angstrom, for type-wise cutoffs.

    Raises
    ------
    InputError
        If an element lies beyond plutonium.
    """
    unknown = [symbol for symbol in elements if symbol not in COVALENT_RADII]
    if unknown:
        raise InputError(
            f"type-wise cutoffs need covalent radii, which GPUMD knows from H to Pu only, but there is {unknown[0]}"
        )
    return tuple(COVALENT_RADII[symbol] for symbol in elements)
