"""The periodic table as extended XYZ and GPUMD spell it: case-sensitive symbols."""

from __future__ import annotations

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
