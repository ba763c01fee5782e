from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neptuner.errors import InputError
from neptuner.files.gpumd_version import LATEST, GpumdVersion
from neptuner.files.nep_in import NepIn, as_settings, parse_nep_in
from neptuner.files.nep_in_gpumd import format_for_gpumd, saves_every_row, search_keywords

PLAIN = NepIn(("Mg", "O"), n_max=(4, 4), basis_size=(8, 8), l_max=(4, 1, 0, 0, 0, 0, 0))
VERSIONS = ("3.9.5", "4.0", "4.1", "4.4", "4.7", "4.9", "5.1", "5.2", "5.3", "5.4", "5.5", "5.6", "5.7")


def words(text: str) -> dict[str, list[str]]:
    return {line.split()[0]: line.split()[1:] for line in text.splitlines()}


@pytest.mark.parametrize("version", VERSIONS)
def test_what_every_version_takes_reads_back_the_same(version: str) -> None:
    text = format_for_gpumd(PLAIN, GpumdVersion.parse(version))
    assert as_settings(parse_nep_in(text)) == as_settings(PLAIN)
    assert text.startswith("type            2 Mg O\n")


def test_keywords_that_older_versions_lack_are_left_out() -> None:
    assert "output_interval" not in words(format_for_gpumd(PLAIN, GpumdVersion(5, 5)))
    assert words(format_for_gpumd(PLAIN, GpumdVersion(5, 6)))["output_interval"] == ["100"]
    assert "save_potential" not in words(format_for_gpumd(PLAIN, GpumdVersion(4, 3)))
    assert words(format_for_gpumd(PLAIN, GpumdVersion(4, 4)))["save_potential"] == ["100", "0", "1"]
    assert not saves_every_row(GpumdVersion(4, 3))
    assert saves_every_row(GpumdVersion(4, 4))


def test_automatic_regularisation_stays_automatic() -> None:
    assert "lambda_1" not in words(format_for_gpumd(PLAIN, LATEST))
    assert words(format_for_gpumd(replace(PLAIN, lambda_1=0.05), LATEST))["lambda_1"] == ["0.05"]


def test_keywords_of_the_search_are_passed_on() -> None:
    found = search_keywords("type 1 Mg\nsigma0 0.05 # small\n# initial_para 0.3\n\ninitial_para 0.5\nbatch 3\n")
    assert found == {"sigma0": (0.05,), "initial_para": (0.5,)}
    text = words(format_for_gpumd(PLAIN, GpumdVersion(3, 9, 5), found))
    assert text["sigma0"] == ["0.05"]
    assert text["initial_para"] == ["0.5"]


REFUSED = [
    ("5.3", {"version": 3}, r"GPUMD 5.3 does not take `version 3`: expected 4"),
    ("4.6", {"cutoff": (8.0, 4.0, 6.0, 4.0)}, r"`cutoff 8 4 6 4`: expected one pair"),
    ("4.6", {"cutoff": (10.5, 4.0)}, r"`cutoff 10.5 4`: expected a radial cutoff of at most 10 "),
    ("4.9", {"cutoff": (8.0, 2.9)}, r"`cutoff 8 2.9`: expected an angular cutoff of at least 3 "),
    ("5.6", {"cutoff": (8.0, 4.0, 6.0, 2.9)}, r"expected an angular cutoff of at least 3 "),
    ("4.1", {"n_max": (13, 4)}, r"`n_max 13 4`: expected at most 12 and 8"),
    ("5.6", {"n_max": (4, 9)}, r"`n_max 4 9`: expected at most 12 and 8"),
    ("4.1", {"basis_size": (17, 4)}, r"`basis_size 17 4`: expected at most 16 and 12"),
    ("5.3", {"basis_size": (9, 8)}, r"`basis_size 9 8`: expected at most 8 and 8"),
    ("3.9.5", {"l_max": (5, 1, 0, 0, 0, 0, 0)}, r"`l_max 5 2 0`: expected 4 as its first number"),
    ("5.2", {"l_max": (4, 1, 1, 1, 0, 0, 0)}, r"`l_max 4 2 1 1`: it knows the first 2 invariants"),
    ("5.3", {"l_max": (4, 1, 1, 1, 1, 0, 0)}, r"it knows the first 3 invariants"),
    ("5.2", {"l_max": (4, 0, 1, 0, 0, 0, 0)}, r"`l_max 4 0 1`: q1111 needs q222"),
    ("5.6", {"n_max": (4, 8), "l_max": (8, 1, 1, 1, 0, 0, 0)}, r"more than 90 angular descriptors"),
    ("5.0", {"neuron": (20, 10)}, r"`neuron 20 10`: expected one hidden layer"),
    ("3.9.5", {"neuron": (120, 100)}, r"`neuron 120 100`: expected at most 200 in all"),
    ("4.0", {"neuron": (20, 10)}, r"expected one hidden layer"),
    ("4.1", {"neuron": (121,)}, r"`neuron 121`: expected at most 120 in a layer"),
    ("5.6", {"neuron": (20, 121)}, r"expected at most 120 in a layer"),
    ("5.5", {"output_interval": 50}, r"`output_interval 50`: it writes a row every 100 generations"),
    ("3.9.4", {}, r"GPUMD 3.9.4 is too old; use 3.9.5 or newer"),
]
TAKEN = [
    ("5.2", {"version": 3}),
    ("4.7", {"cutoff": (10.5, 2.5, 6.0, 4.0)}),
    ("4.0", {"n_max": (19, 19), "basis_size": (19, 19), "neuron": (200,)}),
    ("4.1", {"n_max": (12, 8), "basis_size": (16, 12), "neuron": (120,)}),
    ("5.4", {"basis_size": (16, 12)}),
    ("5.3", {"l_max": (4, 0, 1, 1, 0, 0, 0)}),
    ("5.6", {"n_max": (4, 8), "l_max": (8, 1, 1, 0, 0, 0, 0)}),
    ("5.1", {"neuron": (120, 120)}),
    ("3.9.5", {"neuron": (100, 100)}),
    ("5.6", {"output_interval": 50}),
]


@pytest.mark.parametrize(("version", "change", "message"), REFUSED)
def test_what_a_version_does_not_take_is_refused(version: str, change: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        format_for_gpumd(replace(PLAIN, **change), GpumdVersion.parse(version))


@pytest.mark.parametrize(("version", "change"), TAKEN)
def test_what_stands_at_a_limit_is_taken(version: str, change: dict) -> None:
    nep_in = replace(PLAIN, **change)
    assert as_settings(parse_nep_in(format_for_gpumd(nep_in, GpumdVersion.parse(version)))) == as_settings(nep_in)


def test_an_error_names_the_file() -> None:
    with pytest.raises(InputError, match=r"^here/nep.in: GPUMD 5.6 does not take"):
        format_for_gpumd(replace(PLAIN, neuron=(200,)), GpumdVersion(5, 6), path="here/nep.in")


@given(
    version=st.sampled_from(VERSIONS),
    n_max=st.tuples(st.integers(0, 19), st.integers(0, 19)),
    basis=st.tuples(st.integers(0, 19), st.integers(0, 19)),
    l_max=st.tuples(st.integers(2, 8), *[st.integers(0, 1)] * 6),
    neuron=st.lists(st.integers(1, 200), min_size=1, max_size=2).map(tuple),
)
def test_anything_is_either_refused_or_written_without_loss(version, n_max, basis, l_max, neuron) -> None:
    nep_in = NepIn(("Mg", "O"), n_max=n_max, basis_size=basis, l_max=l_max, neuron=neuron)
    try:
        text = format_for_gpumd(nep_in, GpumdVersion.parse(version))
    except InputError:
        return
    assert as_settings(parse_nep_in(text)) == as_settings(nep_in)
