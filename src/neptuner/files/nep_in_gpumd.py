"""``nep.in`` in the words of one version of GPUMD's ``nep``, checked against its limits.

Limits are those of ``src/main_nep/parameters.cu`` at each tag from v3.9.5 to v5.6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from neptuner.errors import InputError
from neptuner.files.gpumd_version import GpumdVersion
from neptuner.files.nep_in import NepIn, as_settings
from neptuner.files.nep_in_keywords import Value, convert, find_keyword, format_number

OLDEST = GpumdVersion(3, 9, 5)
"""Oldest version that is understood."""

SEARCH_KEYWORDS = ("sigma0", "initial_para")
"""Keywords of the evolution strategy that :class:`NepIn` does not hold."""

FIXED_INTERVAL = 100
"""Generations between two rows of ``loss.out`` before `output_interval` came."""

_NO_KEYWORD_FOR_INTERVAL = GpumdVersion(5, 6)
_SAVES_SEARCH = GpumdVersion(4, 4)
_MOST_ANGULAR = 90


def saves_every_row(version: GpumdVersion) -> bool:
    """Whether `save_potential` keeps the model and the state of the search of every row under names of their own."""
    return version >= _SAVES_SEARCH


def search_keywords(text: str) -> dict[str, tuple[Value, ...]]:
    """Values of :data:`SEARCH_KEYWORDS` in the text of a nep.in that was found good."""
    found = {}
    for line in text.splitlines():
        name, *tokens = line.split("#")[0].split() or [""]
        if name in SEARCH_KEYWORDS:
            found[name] = convert(find_keyword(name), tokens)
    return found


def format_for_gpumd(
    nep_in: NepIn,
    version: GpumdVersion,
    search: Mapping[str, Sequence[Value]] | None = None,
    path: str | Path | None = None,
) -> str:
    """The text of a nep.in for a version of GPUMD, every keyword in full, for defaults differ between versions.

    Parameters
    ----------
    nep_in
        The settings.
    version
        Of GPUMD.
    search
        Keywords that ``nep_in`` does not hold, as :func:`search_keywords` finds them.
    path
        File to name in errors.

    Raises
    ------
    InputError
        Naming the keyword, its value and what that version takes, for the first that it does not take.
    """
    check_for_gpumd(nep_in, version, path)
    settings: dict[str, Sequence[Value]] = {**as_settings(nep_in), **(search or {})}
    settings["type"] = [len(nep_in.type), *nep_in.type]
    if version < _NO_KEYWORD_FOR_INTERVAL:
        del settings["output_interval"]
    if saves_every_row(version):
        settings["save_potential"] = [nep_in.output_interval, 0, 1]
    return "".join(
        f"{name:<15} {' '.join(format_number(value) for value in values)}\n" for name, values in settings.items()
    )


def check_for_gpumd(nep_in: NepIn, version: GpumdVersion, path: str | Path | None = None) -> None:
    """Check that a version of GPUMD trains with these settings.

    Raises
    ------
    InputError
        For the first setting that it does not take, or a version that is not understood.
    """
    if version < OLDEST:
        raise InputError(f"GPUMD {version} is too old; use {OLDEST} or newer")
    settings = as_settings(nep_in)
    for keyword, is_unfit, remedy in _OBSTACLES:
        if is_unfit(nep_in, version):
            written = " ".join([keyword, *map(format_number, settings[keyword])])
            raise InputError(f"GPUMD {version} does not take `{written}`: {remedy(version)}", path=path)


def _most_functions(version: GpumdVersion) -> tuple[int, int]:
    return (19, 19) if version < GpumdVersion(4, 1) else (12, 8)


def _most_basis(version: GpumdVersion) -> tuple[int, int]:
    if version < GpumdVersion(4, 1):
        return 19, 19
    return (8, 8) if version == GpumdVersion(5, 3) else (16, 12)


def _exceeds(values: tuple[int, int], most: tuple[int, int]) -> bool:
    return values[0] > most[0] or values[1] > most[1]


def _radial_limit(version: GpumdVersion) -> float:
    return 100.0 if version.has_cutoffs_by_element else 10.0


def _angular_limit(version: GpumdVersion) -> float:
    return 3.0 if version >= GpumdVersion(4, 9) else 2.5


def _known_invariants(version: GpumdVersion) -> int:
    """How many of q222, q1111, q112, ... a version knows."""
    if version.has_all_invariants:
        return 6
    return 3 if version.reads_l_max_flags else 2


def _most_layers(version: GpumdVersion) -> int:
    return 1 if GpumdVersion(4, 0) <= version < GpumdVersion(5, 1) else 2


def _too_many_neurons(nep_in: NepIn, version: GpumdVersion) -> bool:
    if version < GpumdVersion(4, 0):
        return sum(nep_in.neuron) > 200
    return max(nep_in.neuron) > (200 if version < GpumdVersion(4, 1) else 120)


def _angular_descriptors(nep_in: NepIn) -> int:
    return (nep_in.n_max[1] + 1) * (nep_in.l_max[0] + sum(nep_in.l_max[1:]))


_OBSTACLES: tuple[tuple[str, Callable[[NepIn, GpumdVersion], bool], Callable[[GpumdVersion], str]], ...] = (
    (
        "version",
        lambda nep_in, version: nep_in.version == 3 and not version.runs_nep3,
        lambda _: "expected 4; 5.2 was the last to train NEP3",
    ),
    (
        "cutoff",
        lambda nep_in, version: len(nep_in.cutoff) > 2 and not version.has_cutoffs_by_element,
        lambda _: "expected one pair for all elements; 4.7 and newer take one for each",
    ),
    (
        "cutoff",
        lambda nep_in, version: max(nep_in.cutoff[::2]) > _radial_limit(version),
        lambda version: f"expected a radial cutoff of at most {_radial_limit(version):g} angstrom",
    ),
    (
        "cutoff",
        lambda nep_in, version: min(nep_in.cutoff[1::2]) < _angular_limit(version),
        lambda version: f"expected an angular cutoff of at least {_angular_limit(version):g} angstrom",
    ),
    (
        "n_max",
        lambda nep_in, version: _exceeds(nep_in.n_max, _most_functions(version)),
        lambda version: "expected at most {} and {}".format(*_most_functions(version)),
    ),
    (
        "basis_size",
        lambda nep_in, version: _exceeds(nep_in.basis_size, _most_basis(version)),
        lambda version: "expected at most {} and {}".format(*_most_basis(version)),
    ),
    (
        "l_max",
        lambda nep_in, version: nep_in.l_max[0] != 4 and version < GpumdVersion(4, 0),
        lambda _: "expected 4 as its first number; 4.0 and newer take others",
    ),
    (
        "l_max",
        lambda nep_in, version: any(nep_in.l_max[1 + _known_invariants(version) :]),
        lambda version: f"it knows the first {_known_invariants(version)} invariants only; 5.4 and newer know all",
    ),
    (
        "l_max",
        lambda nep_in, version: (not nep_in.l_max[1] and bool(nep_in.l_max[2])) and not version.reads_l_max_flags,
        lambda _: "q1111 needs q222 too; 5.3 and newer take it alone",
    ),
    (
        "l_max",
        lambda nep_in, version: _angular_descriptors(nep_in) > _MOST_ANGULAR and version.reads_l_max_flags,
        lambda _: f"with this n_max there are more than {_MOST_ANGULAR} angular descriptors; lower one of the two",
    ),
    (
        "neuron",
        lambda nep_in, version: len(nep_in.neuron) > _most_layers(version),
        lambda _: "expected one hidden layer; 5.1 and newer take two",
    ),
    (
        "neuron",
        _too_many_neurons,
        lambda version: (
            f"expected at most {120 if version >= GpumdVersion(4, 1) else 200}"
            f" {'in all' if version < GpumdVersion(4, 0) else 'in a layer'}"
        ),
    ),
    (
        "output_interval",
        lambda nep_in, version: nep_in.output_interval != FIXED_INTERVAL and version < _NO_KEYWORD_FOR_INTERVAL,
        lambda _: f"it writes a row every {FIXED_INTERVAL} generations; set {FIXED_INTERVAL}, or use 5.6 or newer",
    ),
)
"""Keyword, what keeps a version from taking it, and what it takes."""
