from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neptuner.errors import InputError
from neptuner.files.nep_txt import NepTxt, count_values, format_nep_txt, read_nep_txt, write_nep_txt

SMALL = NepTxt(
    version=4, elements=("Mg", "O"), cutoff=(6.0, 4.5), max_neighbors=(80, 30), n_max=(1, 0),
    basis_size=(1, 1), l_max=(2, 1, 0, 0, 0, 0, 0), neuron=(2,), values=np.empty(0),
)  # fmt: skip
# dim 2 + 1*3 = 5; networks 2*(5+2)*2 + 1 = 29; functions 4*(2*2 + 1*2) = 24; scalings 5
SMALL_COUNT = 29 + 24 + 5


def filled(nep_txt: NepTxt) -> NepTxt:
    values = np.random.default_rng(1).normal(size=count_values(nep_txt))
    return replace(nep_txt, values=np.array([float(f"{value:.7e}") for value in values]))


def header(nep_txt: NepTxt) -> list[str]:
    lines = format_nep_txt(filled(nep_txt)).splitlines()
    return lines[: len(lines) - count_values(nep_txt)]


def same(first: NepTxt, second: NepTxt) -> bool:
    names = set(NepTxt.__dataclass_fields__) - {"values"}
    return bool((first.values == second.values).all()) and all(
        getattr(first, name) == getattr(second, name) for name in names
    )


def test_header_of_gpumd() -> None:
    assert header(SMALL) == [
        "nep4 2 Mg O ", "cutoff 6 4.5 80 30", "n_max 1 0", "basis_size 1 1", "l_max 2 2 0", "ANN 2 0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "index", "line"),
    [
        ({"version": 3, "neuron": (30, 30)}, 5, "ANN 30 30 0"),
        ({"neuron": (30, 20)}, 5, "ANN 30 20"),
        ({"zbl": (1.0, 2.0)}, 0, "nep4_zbl 2 Mg O "),
        ({"zbl": (1.0, 2.0)}, 1, "zbl 1 2"),
        ({"zbl": (0.0, 0.0)}, 1, "zbl 0 0"),
        ({"zbl": (1.0, 2.0, 0.7)}, 1, "zbl 1 2 0.7"),
        ({"cutoff": (6.0, 4.5, 5.0, 4.0)}, 1, "cutoff 6 4.5 5 4 80 30"),
        ({"typewise_cutoff": (2.5, 2.0, -1.0)}, 1, "cutoff 6 4.5 80 30 2.5 2 -1"),
        ({"typewise_cutoff": (-1.0, -1.0, 0.65)}, 1, "cutoff 6 4.5 80 30 -1 -1 0.65"),
        ({"max_neighbors": (0, 0)}, 1, "cutoff 6 4.5"),
        ({"max_neighbors": (0, 0), "cutoff": (6.0, 4.5, 5.0, 4.0)}, 1, "cutoff 6 4.5 5 4 0 0"),
        ({"max_neighbors": (0, 0), "typewise_cutoff": (2.5, 2.0, -1.0)}, 1, "cutoff 6 4.5 0 0 2.5 2 -1"),
        ({"l_max": (4, 0, 0, 0, 0, 0, 0)}, 4, "l_max 4 0 0"),
        ({"l_max": (4, 1, 1, 0, 1, 0, 0)}, 4, "l_max 4 2 1 0 1 "),
    ],
)
def test_forms_of_header_lines_are_written_and_read(tmp_path: Path, changes: dict, index: int, line: str) -> None:
    nep_txt = filled(replace(SMALL, **changes))
    assert header(nep_txt)[index] == line
    write_nep_txt(tmp_path / "nep.txt", nep_txt)
    assert same(read_nep_txt(tmp_path / "nep.txt"), nep_txt)


@pytest.mark.parametrize(
    ("line", "neuron"), [("ANN 2", (2,)), ("ANN 2 0 0", (2,)), ("ANN 2 3 0", (2, 3)), ("ANN 2 3", (2, 3))]
)
def test_forms_of_the_ann_line_are_read(tmp_path: Path, line: str, neuron: tuple[int, ...]) -> None:
    nep_txt = filled(replace(SMALL, neuron=neuron))
    lines = format_nep_txt(nep_txt).splitlines()
    lines[5] = line
    (tmp_path / "nep.txt").write_text("\n".join(lines))
    assert read_nep_txt(tmp_path / "nep.txt").neuron == neuron


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, SMALL_COUNT),
        ({"version": 3}, SMALL_COUNT - 14),
        ({"version": 5}, SMALL_COUNT + 2),
        ({"neuron": (2, 3)}, 2 * (6 * 2 + 4 * 3) + 1 + 24 + 5),
        ({"zbl": (1.0, 2.0)}, SMALL_COUNT),
        ({"zbl": (0.0, 0.0)}, SMALL_COUNT + 30),
        ({"l_max": (2, 1, 1, 0, 0, 0, 1)}, 2 * 9 * 2 + 1 + 24 + 7),
    ],
)
def test_number_of_values(changes: dict, count: int) -> None:
    assert count_values(replace(SMALL, **changes)) == count


@given(
    version=st.sampled_from([3, 4, 5]),
    n_max=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    flags=st.tuples(*[st.integers(0, 1)] * 6),
    layers=st.lists(st.integers(1, 3), min_size=1, max_size=2),
    cutoff=st.sampled_from([(8.0, 4.0), (8.4, 3.9, 6.25, 5.0)]),
    zbl=st.sampled_from([None, (0.0, 0.0), (0.5, 1.0)]),
)
def test_what_is_written_is_read_back(tmp_path_factory, version, n_max, flags, layers, cutoff, zbl) -> None:
    nep_txt = filled(
        replace(
            SMALL,
            version=version,
            n_max=n_max,
            l_max=(3, *flags),
            neuron=tuple(layers),
            cutoff=cutoff,
            zbl=zbl,
        )
    )
    path = tmp_path_factory.getbasetemp() / "nep.txt"
    write_nep_txt(path, nep_txt)
    assert same(read_nep_txt(path), nep_txt)


@pytest.mark.parametrize("name", ["pbte", "mosi2n4", "j14-default-run", "j14-hnemd-900K"])
def test_real_models_are_written_back_byte_for_byte(shared_data: Path, name: str) -> None:
    path = shared_data / name / "nep.txt"
    assert format_nep_txt(read_nep_txt(path)).encode() == path.read_bytes()


def test_two_hidden_layers_of_gpumd_3_9_5(shared_data: Path) -> None:
    nep_txt = read_nep_txt(shared_data / "j14-default-run" / "nep.txt")
    assert (nep_txt.version, nep_txt.neuron, nep_txt.cutoff, nep_txt.max_neighbors) == (
        3, (30, 30), (8.4, 3.9), (260, 28),
    )  # fmt: skip
    assert nep_txt.l_max == (4, 1, 0, 0, 0, 0, 0)
    assert len(nep_txt.values) == 12710


def broken(line: int, content: str | None) -> str:
    lines = format_nep_txt(filled(SMALL)).splitlines()
    if content is None:
        del lines[line - 1]
    else:
        lines[line - 1] = content
    return "\n".join(lines)


BAD = {
    "empty": ("", r"line 1: found ``, expected a line `nep4 <number> <elements>`"),
    "unknown kind": (broken(1, "nep6 2 Mg O"), r"`nep6` is a model of a kind not known; neptuner evaluates"),
    "other file": (broken(1, "type 2 Mg O"), r"is this a nep.txt\?"),
    "element count": (
        broken(1, "nep4 3 Mg O"),
        r"line 1: found `nep4 3 Mg O`, expected `nep4 <number> <elements>`",
    ),
    "element": (broken(1, "nep4 2 Mg Xx"), r"line 1: found"),
    "zbl without line": (
        broken(1, "nep4_zbl 2 Mg O"),
        r"line 2: found `cutoff 6 4.5 80 30`, expected a line `zbl`",
    ),
    "zbl factor": (
        broken(1, "nep4_zbl 2 Mg O\nzbl 1 2 -1"),
        r"line 2: `zbl` has the type-wise factor -1, expected one above 0",
    ),
    "one factor": (
        broken(2, "cutoff 6 4 80 30 2.5 -1 -1"),
        r"line 2: `cutoff` has the type-wise factors 2.5 -1, expected two above 0 or -1 -1",
    ),
    "two zbl factors": (
        broken(1, "nep4_zbl 2 Mg O\nzbl 1 2 0.7").replace("80 30", "80 30 2.5 2 0.65"),
        r"line 3: `cutoff` has the type-wise ZBL factor 0.65, but the `zbl` line has one too",
    ),
    "q1122": (broken(5, "l_max 4 1 0 0 1"), r"line 5: `l_max` has the invariant q1122 of GPUMD 5.3"),
    "cutoff of 3": (broken(2, "cutoff 6 4 80"), r"line 2: `cutoff` has 3 numbers, expected 4 or 6"),
    "neighbours": (broken(2, "cutoff 6 4 80.5 3"), r"line 2: `cutoff` has the neighbour numbers"),
    "missing line": (broken(3, None), r"line 3: found `basis_size 1 1`, expected a line `n_max`"),
    "n_max word": (broken(3, "n_max 1 x"), r"line 3: `n_max 1 x` holds something that is not a number"),
    "n_max real": (broken(3, "n_max 1 0.5"), r"line 3: `n_max` holds .* expected whole numbers"),
    "n_max of 1": (broken(3, "n_max 1"), r"line 3: `n_max 1` is not understood: expected 2 finite numbers"),
    "three layers": (broken(6, "ANN 2 2 2"), r"line 6: `ANN` holds \[2, 2, 2\], expected one or two"),
    "no neurons": (broken(6, "ANN 0 0"), r"line 6: `ANN` holds"),
    "word": (broken(9, "abc"), r"line 9: found `abc`, expected a finite number"),
    "nan": (broken(9, "nan"), r"line 9: found `nan`, expected a finite number"),
    "too few": (broken(9, ""), rf"has {SMALL_COUNT - 1} numbers after its header, expected {SMALL_COUNT}"),
    "too many": (
        broken(9, "1 2"),
        rf"has {SMALL_COUNT + 1} numbers after its header, expected {SMALL_COUNT}",
    ),
    "other neurons": (broken(6, "ANN 3 0"), rf"has {SMALL_COUNT} numbers after its header, expected 72"),
}


@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD.keys())
def test_refuses_with_one_sentence(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "nep.txt").write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        read_nep_txt(tmp_path / "nep.txt")
    assert "nep.txt" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_refuses_to_write_a_model_that_is_not_finite_or_not_whole(tmp_path: Path) -> None:
    nep_txt = filled(SMALL)
    with pytest.raises(InputError, match=f"has 3 numbers, expected {SMALL_COUNT}"):
        write_nep_txt(tmp_path / "nep.txt", replace(nep_txt, values=nep_txt.values[:3]))
    nep_txt.values[5] = np.nan
    with pytest.raises(InputError, match="not finite"):
        write_nep_txt(tmp_path / "nep.txt", nep_txt)
    assert not (tmp_path / "nep.txt").exists()


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ("nep4_charge1", "is a model with charges (qNEP)"),
        ("nep4_zbl_charge2", "is a model with charges (qNEP)"),
        ("nep4_charge_vdw", "is a model with charges and van der Waals coefficients (qNEP)"),
        ("nep4_zbl_vdw", "is a model with van der Waals coefficients"),
        ("nep3_dipole", "is a model of dipole moments (TNEP)"),
        ("nep4_polarizability", "is a model of polarizabilities (TNEP)"),
        ("nep_polarizability", "is a model of polarizabilities (TNEP)"),
        ("nep4_zbl_temperature", "is a model of free energies that depend on temperature"),
        ("nep_zbl", "is a NEP2 model of GPUMD before 3.9.5"),
        ("nep", "is a NEP2 model of GPUMD before 3.9.5"),
        ("nep4_ilp", "is a model of a kind not known"),
    ],
)
def test_a_model_of_another_kind_is_named(tmp_path: Path, token: str, kind: str) -> None:
    (tmp_path / "nep.txt").write_text(broken(1, f"{token} 2 Mg O"))
    with pytest.raises(InputError) as caught:
        read_nep_txt(tmp_path / "nep.txt")
    expected = f"`{token}` {kind}; neptuner evaluates potentials without charges: nep3, nep4, nep5, with or without zbl"
    assert (caught.value.message, caught.value.line) == (expected, 1)
