"""Virials: zeros that mean missing, and units, signs and orders that forces give away."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from neptuner.audit.findings import Finding, at_comment, of_all
from neptuner.audit.robust import fractions, without_composition
from neptuner.audit.scales import Scale, fit_of, wrong_scale
from neptuner.files.frames import Frame, missing_shear
from neptuner.units import EV_PER_CUBIC_ANGSTROM_IN_GPA

Floats = NDArray[np.float64]

FEWEST = 10
"""Frames with virials that there must be."""
FAR, NEAR = 8.0, 4.0
"""A single virial is wrong if it is further off than so many medians, and on another scale within so many.

That scale must also make it fit so many times better than it does, and leave less than a fourth of what is expected."""
EXPLAINED, CLEARER = 0.8, 1.25
"""Components stand in another order if this leaves so small a part of them to the quick model, and as written they
leave so many times as much."""
GPA = EV_PER_CUBIC_ANGSTROM_IN_GPA
KBAR = 10.0 * GPA
"""One eV/angstrom^3 in either."""

_NAMES = np.array(["xx", "yy", "zz", "xy", "yz", "zx"])

_CAUSES = {
    "xy holds zx, yz holds xy, zx holds yz": ", as if VASP's XX YY ZZ XY YZ ZX had been read as xx yy zz yz xz xy",
    "xy holds yz, yz holds zx, zx holds xy": ", as if ASE's xx yy zz yz xz xy had been read as xx yy zz xy yz zx",
}
"""Known ways to come to an order."""


def check_zero_virials(frames: Sequence[Frame]) -> list[Finding]:
    """Find virials that are exactly zero, as a whole or off the diagonal, because they are missing."""
    found = []
    empty = [frame for frame in frames if frame.virial is not None and not frame.virial.any()]
    if empty:
        message = f"the whole virial is exactly zero in {of_all(empty, frames)}, as if it were missing"
        fix = "leave `virial` out where it is not known"
        found.append(at_comment(empty[0], "warning", "zero-virial", message, fix, empty))
    with_virial = [frame for frame in frames if frame.virial is not None and frame.virial.any()]
    flags = missing_shear(with_virial)
    lacking = [frame for frame, lacks in zip(with_virial, flags, strict=True) if lacks]
    if lacking:
        message = (
            f"the off-diagonal virials are exactly zero in {of_all(lacking, frames)}, though no symmetry demands it"
        )
        fix = (
            "give all nine; if they are lost, leave it so: neptuner takes them for missing (with GPUMD: lambda_shear 0)"
        )
        found.append(at_comment(lacking[0], "warning", "missing-shear", message, fix, lacking))
    return found


def check_virials(frames: Sequence[Frame], predicted: Floats) -> list[Finding]:
    """Find virials of a wrong unit, sign or order.

    Parameters
    ----------
    frames
        Frames of one file.
    predicted
        Virials of the quick model, ``(n_frames, 6)`` in eV.
    """
    chosen = [k for k, frame in enumerate(frames) if frame.virial is not None and frame.virial[:3].any()]
    if len(chosen) < FEWEST:
        return []
    mine = [frames[k] for k in chosen]
    atoms = np.array([frame.n_atoms for frame in mine])[:, None]
    given, model = np.array([frame.virial for frame in mine]) / atoms, predicted[chosen] / atoms
    scales, shares = _scales(mine), fractions(mine)
    beyond = _parts(model, shares)
    fits = [fit_of(_parts(scale.factor[:, None] * given, shares), beyond) for scale in scales]
    if (scale := wrong_scale(scales, fits)) is not None:
        message = f"in {of_all(mine, frames)} {scale.message}"
        return [at_comment(mine[0], "error", "virial-unit", message, scale.fix, mine)]
    return _single(mine, given, model, shares, scales) + _order(mine, given, model)


def _scales(frames: Sequence[Frame]) -> list[Scale]:
    volume, atoms = np.array([frame.volume for frame in frames]), np.array([float(frame.n_atoms) for frame in frames])
    ones = np.ones(len(frames))
    opposite = "multiply it by -1: a virial is positive under compression, a `stress` under tension"
    scales = [
        Scale(ones, "", ""),
        Scale(-ones, "the virial has the wrong sign", opposite),
        Scale(atoms, "the virial is per atom", "give the total virial: multiply it by the number of atoms"),
        Scale(-1 / volume, "`stress` holds a virial", "name it `virial`"),
        Scale(1 / volume, "`stress` holds a virial of the opposite sign", "name it `virial` and multiply it by -1"),
    ]
    for sign, positive in ((1.0, "compression"), (-1.0, "tension")):
        for size, unit in ((1.0, "eV/angstrom^3"), (KBAR, "kbar"), (GPA, "GPa")):
            message = f"`virial` holds a stress in {unit} that is positive under {positive}"
            scales.append(Scale(sign * volume / size, message, f"multiply it by {sign / size:.6g} times the volume"))
    for size, unit in ((KBAR, "kbar"), (GPA, "GPa")):
        for sign, positive in ((1.0, "tension"), (-1.0, "compression")):
            message = f"`stress` is in {unit} and positive under {positive}"
            fix = f"divide it by {sign * size:.8g}: eV/angstrom^3, positive under tension"
            scales.append(Scale(sign * ones / size, message, fix))
    return scales


def _parts(virials: Floats, shares: Floats) -> Floats:
    """Mean of the diagonal beyond composition, and what each diagonal component differs from it, ``(n_frames, 4)``."""
    mean = virials[:, :3].mean(axis=1)
    return np.column_stack([without_composition(mean, shares), virials[:, :3] - mean[:, None]])


def _single(
    frames: Sequence[Frame], given: Floats, model: Floats, shares: Floats, scales: Sequence[Scale]
) -> list[Finding]:
    """Find single frames that another scale brings from far off to where the others are."""
    rest = _parts(given - model, shares)
    offset = (given - model)[:, :3].mean(axis=1) - rest[:, 0]
    shift = model.copy()
    shift[:, :3] += offset[:, None]
    off = np.array([
        np.sqrt(((scale.factor[:, None] * given - shift)[:, :3] ** 2).mean(axis=1)) for scale in scales
    ])  # fmt: skip
    usual, best = float(np.median(off[0])), off.argmin(axis=0)
    least, expected = off.min(axis=0), np.sqrt((shift[:, :3] ** 2).mean(axis=1))
    wrong = (off[0] > FAR * usual) & (least < NEAR * usual) & (FAR * least < off[0]) & (NEAR * least < expected)
    return [
        at_comment(frames[k], "error", "virial-unit", f"here {scales[best[k]].message}", scales[best[k]].fix)
        for k in map(int, np.flatnonzero(wrong))
    ]


def _order(frames: Sequence[Frame], given: Floats, model: Floats) -> list[Finding]:
    """Find components of the diagonal, or off it, that stand in each other's place."""
    found = []
    for part, name in ((slice(0, 3), "diagonal"), (slice(3, 6), "off-diagonal")):
        mine = np.flatnonzero(given[:, part].any(axis=1))
        if len(mine) < FEWEST:
            continue
        a, b = given[mine, part], model[mine, part]
        if part.start == 0:
            a, b = a - a.mean(axis=1)[:, None], b - b.mean(axis=1)[:, None]
        scores = {order: _misplacement(a[:, order], b) for order in permutations(range(3))}
        best = min(scores, key=scores.__getitem__)
        if scores[best] < EXPLAINED and scores[0, 1, 2] > CLEARER * scores[best]:
            agreement = _agreement(a, b), _agreement(a[:, best], b)
            found.append(_misplaced(frames, [frames[k] for k in mine.tolist()], name, _NAMES[part], best, agreement))
    return found


def _misplacement(given: Floats, model: Floats) -> float:
    """Part of the components that the model leaves unexplained."""
    return float(np.median(np.abs(given - model)) / max(float(np.median(np.abs(given))), 1e-12))


def _agreement(given: Floats, model: Floats) -> float:
    return float(np.corrcoef(given.ravel(), model.ravel())[0, 1])


def _misplaced(
    everything: Sequence[Frame],
    frames: Sequence[Frame],
    name: str,
    names: NDArray[np.str_],
    order: tuple[int, ...],
    agreement: tuple[float, float],
) -> Finding:
    """Say which component stands where; ``order[k]`` is the place of component k."""
    held = [f"{names[k]} holds {names[order.index(k)]}" for k in range(3) if order[k] != k]
    cause = _CAUSES.get(", ".join(held), "")
    message = (
        f"the {name} virials of {of_all(frames, everything)} stand in each other's place: {', '.join(held)}{cause} "
        f"(correlation with a quick model fitted to forces: {agreement[0]:.2f} as written, {agreement[1]:.2f} once "
        "put right)"
    )
    fix = "write the nine as xx xy xz yx yy yz zx zy zz (VASP lists XX YY ZZ XY YZ ZX, ASE xx yy zz yz xz xy)"
    return at_comment(frames[0], "error", "virial-order", message, fix, frames)
