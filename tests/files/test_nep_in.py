from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neptuner.errors import InputError
from neptuner.files.nep_in import (
    KEYWORDS,
    NepIn,
    as_settings,
    format_nep_in,
    parse_nep_in,
    read_nep_in,
    replace_values,
)

MGO = NepIn(type=("Mg", "O"))


def test_defaults_of_a_file_with_type_only() -> None:
    nep_in = parse_nep_in("type 2 Mg O\n")
    assert nep_in == replace(MGO, given=frozenset({"type"}))


def test_defaults_are_those_of_the_table() -> None:
    for name, keyword in KEYWORDS.items():
        if keyword.default is not None and hasattr(MGO, name):
            value = getattr(MGO, name)
            assert keyword.default[: 1 if name == "batch" else None] == (
                value if isinstance(value, tuple) else (value,)
            )


def test_reads_every_used_keyword() -> None:
    text = """
    # a comment
    type 3 Mg Ni O   # elements
    version 3
    cutoff 8.4 3.9
    n_max 10 9
    basis_size 12 11
    l_max 4 2 0
    neuron 30 30
    lambda_1 0.05
    lambda_2 1e-2
    lambda_e +2
    lambda_f 5.
    lambda_v .5
    lambda_shear 0
    force_delta 3
    type_weight 1 0.5 2 #1
    batch 64
    population 40
    generation 15000
    output_interval 10
    sigma0 0.05
    """
    nep_in = parse_nep_in(text)
    assert replace(nep_in, given=frozenset()) == NepIn(
        type=("Mg", "Ni", "O"), version=3, cutoff=(8.4, 3.9), n_max=(10, 9), basis_size=(12, 11),
        l_max=(4, 1, 0, 0, 0, 0, 0), neuron=(30, 30), lambda_1=0.05, lambda_2=0.01, lambda_e=2.0,
        lambda_f=5.0, lambda_v=0.5, lambda_shear=0.0, force_delta=3.0, type_weight=(1.0, 0.5, 2.0), batch=64,
        population=40, generation=15000, output_interval=10, ignored=("population", "sigma0"),
    )  # fmt: skip
    assert "sigma0" in nep_in.given
    assert "zbl" not in nep_in.given


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("l_max 4", "l_max", (4, 0, 0, 0, 0, 0, 0)),
        ("l_max 4 2 1", "l_max", (4, 1, 1, 0, 0, 0, 0)),
        ("l_max 8 1 0 0 1 0 1", "l_max", (8, 1, 0, 0, 1, 0, 1)),
        ("neuron 30 0", "neuron", (30,)),
        ("neuron 30 20 0", "neuron", (30, 20)),
        ("cutoff 8 4 6 3", "cutoff", (8.0, 4.0, 6.0, 3.0)),
        ("batch 10 0", "batch", 10),
        ("n_max 0 19", "n_max", (0, 19)),
        ("model_type 0", "version", 4),
        ("charge_mode 0 1", "version", 4),
        ("prediction 0", "version", 4),
    ],
)
def test_forms_of_values(line: str, field: str, value: object) -> None:
    assert getattr(parse_nep_in(f"type 2 Mg O\n{line}\n"), field) == value


BAD = {
    "unknown": ("nmax 4 4", r"`nmax` is not a keyword of nep.in; did you mean `n_max`\?"),
    "upper case": ("CUTOFF 8 4", r"did you mean `cutoff`\?"),
    "nonsense": ("qqqq 1", r"`qqqq` is not a keyword of nep.in; expected one of type, version, cutoff, "),
    "twice": ("version 4\nversion 4", r"line 3: `version` was already given on line 2"),
    "type twice": ("type 2 Mg O", r"line 2: `type` was already given on line 1"),
    "dipole": ("model_type 1", r"`model_type 1` is valid in GPUMD but not supported here"),
    "zbl": ("zbl 2", r"`zbl 2` is valid in GPUMD but not supported here"),
    "typewise": ("use_typewise_cutoff", r"`use_typewise_cutoff` is valid in GPUMD but"),
    "fine_tune": ("fine_tune a.txt b.restart", r"valid in GPUMD but"),
    "prediction": ("prediction 1", r"valid in GPUMD but .*neptuner predict"),
    "vdw": ("vdw 1", r"valid in GPUMD but"),
    "full batch": ("batch 10 1", r"`batch 10 1` is valid in GPUMD but not supported here; write `batch 10`"),
    "three layers": ("neuron 10 10 10", r"three hidden layers"),
    "real for int": ("neuron 50.0", r"`neuron` has the value 50.0, expected a whole number such as 50"),
    "octal": ("neuron 010", r"`neuron` has the value 010, which GPUMD reads as octal"),
    "hexadecimal": ("neuron 0x10", r"0x10, expected a whole number"),
    "underscore": ("generation 10_000", r"10_000, expected a whole number"),
    "word": ("lambda_e one", r"`lambda_e` has the value one, expected a finite number"),
    "nan": ("lambda_e nan", r"expected a finite number"),
    "overflow": ("lambda_e 1e999", r"expected a finite number"),
    "negative": ("lambda_1 -1", r"`lambda_1` has the value -1, expected at least 0"),
    "range": ("n_max 20 4", r"`n_max` has the value 20, expected 0 to 19"),
    "too few": ("n_max 4", r"`n_max` has 1 value\(s\), expected 2"),
    "too many": ("l_max 4 1 0 0 0 0 0 0", r"has 8 value\(s\), expected 1 to 7"),
    "none": ("batch", r"has 0 value\(s\), expected 1 to 2"),
    "version 2": ("version 2", r"expected 3 to 4"),
    "batch 0": ("batch 0", r"expected at least 1 frame a step"),
    "l_max low": ("l_max 1", r"the first number is 1, expected 2 to 8"),
    "l_max high": ("l_max 9 1", r"the first number is 9, expected 2 to 8"),
    "neuron 0": ("neuron 0", r"a hidden layer has 0 neurons"),
    "neuron 0 5": ("neuron 0 5", r"a hidden layer has 0 neurons"),
    "cutoff order": ("cutoff 4 5", r"found radial 4 and angular 5, expected 2.5 <= angular <= radial <= 100"),
    "cutoff small": ("cutoff 4 2", r"found radial 4 and angular 2"),
    "cutoff large": ("cutoff 101 4", r"expected 0 to 100"),
    "cutoff count": ("cutoff 8 4 7", r"has 3 value\(s\), expected 2 \(for all elements\) or 4"),
    "cutoff of one": ("cutoff 8 4 8 9", r"found radial 8 and angular 9"),
    "type_weight": ("type_weight 1 1 1", r"has 3 value\(s\), expected 2 for the elements Mg O"),
}


@pytest.mark.parametrize(("lines", "message"), BAD.values(), ids=BAD.keys())
def test_refuses_with_one_sentence(lines: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_nep_in(f"type 2 Mg O\n{lines}\n", "nep.in")
    assert str(caught.value).startswith("nep.in, line ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no `type` line"),
        ("# type 1 O", "has no `type` line"),
        ("type 3 Mg O", r"names 2 element\(s\), but its count is 3"),
        ("type Mg O", "lacks the number of elements"),
        ("type", "lacks the number of elements"),
        ("type 0", "has 0 value"),
        ("type 2 Mg Xx", "Xx is not a chemical symbol"),
        ("type 1 mg", "mg is not a chemical symbol"),
        ("type 1 Am", "Am is not a chemical symbol from H to Pu"),
        ("type 2 O O", "names O twice"),
        ("type_weight 1 1\ntype 2 Mg O", "line 1: `type_weight 1 1` stands before `type`"),
        ("cutoff 8 4 8 4\ntype 2 Mg O", "stands before `type`"),
    ],
)
def test_refuses_bad_types(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_nep_in(text, "nep.in")


def test_uniform_cutoff_may_stand_before_type() -> None:
    assert parse_nep_in("cutoff 6 4\ntype 1 O").cutoff == (6.0, 4.0)


def test_every_keyword_accepts_its_default_or_is_said_to_be_unsupported() -> None:
    for name, keyword in KEYWORDS.items():
        if name == "type":
            continue
        default = keyword.default or ("a.txt", "b.txt") if keyword.kind == "word" else keyword.default
        words = ["1", "1"][: max(1, keyword.count[0])] if default is None else [str(value) for value in default]
        words = words * 2 if name == "type_weight" else words
        text = f"type 2 Mg O\n{name} {' '.join(words)}"
        if keyword.status == "unsupported" and keyword.default is None:
            with pytest.raises(InputError, match="valid in GPUMD but not supported"):
                parse_nep_in(text)
        else:
            nep_in = parse_nep_in(text)
            assert name in nep_in.given
            assert (name in nep_in.ignored) == (keyword.status == "ignored")


def test_format_leaves_out_what_is_automatic() -> None:
    text = format_nep_in(MGO)
    assert text.splitlines()[0].split() == ["type", "2", "Mg", "O"]
    assert "l_max           4 2 0\n" in text
    assert not any(word in text for word in ("lambda_1", "lambda_2", "type_weight", "given", "ignored"))
    longer = format_nep_in(replace(MGO, l_max=(4, 0, 1, 0, 1, 0, 0), lambda_1=0.0, neuron=(30, 20)))
    assert "l_max           4 0 1 0 1\n" in longer
    assert "lambda_1        0\n" in longer
    assert "neuron          30 20\n" in longer


reals = st.floats(0, 1e9, allow_nan=False)
cutoffs = st.tuples(st.floats(2.5, 100), st.floats(2.5, 100)).map(lambda pair: (max(pair), min(pair)))


@st.composite
def settings(draw: st.DrawFn) -> NepIn:
    elements = draw(st.lists(st.sampled_from(["H", "O", "Mg", "Co", "Pu"]), min_size=1, max_size=4, unique=True))
    n = len(elements)
    pair = st.tuples(st.integers(0, 19), st.integers(0, 19))
    per_type = st.lists(cutoffs, min_size=n, max_size=n).map(lambda pairs: tuple(x for pair in pairs for x in pair))
    return NepIn(
        type=tuple(elements),
        version=draw(st.sampled_from([3, 4])),
        cutoff=draw(cutoffs | per_type),
        n_max=draw(pair),
        basis_size=draw(pair),
        l_max=(draw(st.integers(2, 8)), *draw(st.tuples(*[st.integers(0, 1)] * 6))),
        neuron=tuple(draw(st.lists(st.integers(1, 200), min_size=1, max_size=2))),
        lambda_1=draw(st.none() | reals),
        lambda_2=draw(st.none() | reals),
        lambda_e=draw(reals),
        lambda_f=draw(reals),
        lambda_v=draw(reals),
        lambda_shear=draw(reals),
        force_delta=draw(reals),
        type_weight=draw(st.just(()) | st.tuples(*[reals] * n)),
        batch=draw(st.integers(1, 10**7)),
        population=draw(st.integers(10, 200)),
        generation=draw(st.integers(0, 10**7)),
        output_interval=draw(st.integers(1, 10**6)),
    )


@given(settings())
def test_what_is_formatted_is_parsed_back(nep_in: NepIn) -> None:
    parsed = parse_nep_in(format_nep_in(nep_in))
    assert replace(parsed, given=frozenset(), ignored=()) == nep_in
    assert format_nep_in(parsed) == format_nep_in(nep_in)


@given(settings())
def test_settings_replace_to_themselves(nep_in: NepIn) -> None:
    replaced = replace_values(NepIn(type=("He",)), as_settings(nep_in))
    assert replace(replaced, given=frozenset(), ignored=()) == nep_in


def test_as_settings_are_plain_lists() -> None:
    found = as_settings(replace(MGO, lambda_1=0.05))
    assert found["type"] == ["Mg", "O"]
    assert found["n_max"] == [6, 6]
    assert found["l_max"] == [4, 2, 0]
    assert found["lambda_1"] == [0.05]
    assert found["batch"] == [1000]
    assert "lambda_2" not in found


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"n_max": (2, 4)}, "n_max", (2, 4)),
        ({"neuron": 50}, "neuron", (50,)),
        ({"cutoff": [6, 4]}, "cutoff", (6.0, 4.0)),
        ({"lambda_f": 5}, "lambda_f", 5.0),
        ({"lambda_1": 1e-05}, "lambda_1", 1e-05),
        ({"l_max": [4, 2, 1]}, "l_max", (4, 1, 1, 0, 0, 0, 0)),
        ({"type": ["Zn"], "cutoff": [6, 4]}, "type", ("Zn",)),
        ({"type_weight": [1, 2], "type": ["Zn", "O"]}, "type_weight", (1.0, 2.0)),
        ({"sigma0": 0.05}, "ignored", ("population", "sigma0")),
    ],
)
def test_replace_values(changes: dict, field: str, value: object) -> None:
    base = parse_nep_in("type 2 Mg O\npopulation 40\nlambda_e 2")
    found = replace_values(base, changes)
    assert getattr(found, field) == value
    assert found.population == 40
    assert found.lambda_e == 2.0
    assert found.given == base.given | changes.keys()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_max": [4]}, r"study.toml: `n_max` has 1 value"),
        ({"n_max": [4, 40]}, r"`n_max` has the value 40, expected 0 to 19"),
        ({"neuron": 50.0}, r"`neuron` has the value 50.0, expected a whole number"),
        ({"neuron": True}, r"`neuron` has the value True"),
        ({"neurons": 50}, r"did you mean `neuron`"),
        ({"zbl": 2}, r"valid in GPUMD but not supported"),
        ({"cutoff": [4, 6]}, r"`cutoff 4 6`: found radial 4"),
        ({"type": ["Mg"]}, r"`type_weight 1.0 1.0` has 2 value\(s\), expected 1"),
        ({"n_max": "4 4"}, r"`n_max` has 1 value"),
        ({"lambda_e": float("nan")}, r"`lambda_e` has the value nan"),
    ],
)
def test_replace_values_refuses_what_a_file_may_not_hold(changes: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace_values(replace(MGO, type_weight=(1.0, 1.0)), changes, path="study.toml")


@pytest.mark.parametrize("name", ["j14-default-run", "mosi2n4", "pbte"])
def test_reads_real_files(shared_data: Path, name: str) -> None:
    nep_in = read_nep_in(shared_data / name / "nep.in")
    again = parse_nep_in(format_nep_in(nep_in))
    assert replace(again, given=nep_in.given, ignored=nep_in.ignored) == nep_in


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nep\.in: there is no such file"):
        read_nep_in(tmp_path / "nep.in")
