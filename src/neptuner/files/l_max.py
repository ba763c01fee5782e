"""The ``l_max`` line of nep.in and nep.txt, which grew from one number to seven over GPUMD's versions.

The normal form is ``(L3, q222, q1111, q112, q123, q233, q134)``: the largest l of the three-body part, then a
flag, 0 or 1, for each four- and five-body invariant.
"""

from __future__ import annotations

from collections.abc import Sequence

LENGTH = 7
"""Numbers of the normal form."""


def normal_l_max(values: Sequence[int]) -> tuple[int, ...]:
    """Normal form of one to seven numbers as written; any flag that is not 0 is on, missing ones are off."""
    flags = [int(value != 0) for value in values[1:]]
    return (values[0], *flags, *[0] * (LENGTH - len(values)))


def written_l_max(l_max: Sequence[int]) -> list[int]:
    """The form that old and new GPUMD read: ``4 2 0``, and more flags only up to the last enabled one."""
    last = max((index for index, flag in enumerate(l_max) if flag), default=0)
    written = list(l_max[: max(3, last + 1)])
    written[1] *= 2
    return written
