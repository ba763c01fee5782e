from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neptuner.errors import InputError
from neptuner.files.gpumd_version import LATEST, GpumdVersion
from neptuner.files.run_in import format_script, parse_script, read_script
from neptuner.files.run_in_keywords import KEYWORDS, NOT_SUPPORTED, OTHER_ENSEMBLES
from neptuner.files.script import (
    ComputeHac,
    ComputeHnemd,
    ComputeMsd,
    ComputeRdf,
    ComputeShc,
    DumpRestart,
    DumpThermo,
    DumpXyz,
    Ensemble,
    Group,
    Minimize,
    Run,
    Script,
    Velocity,
)
from neptuner.files.trajectory import QUANTITIES

NVT = "ensemble nvt_nhc 300 300 100"


def without_lines(value: Any) -> Any:
    """The same records without line numbers and path."""
    if isinstance(value, tuple):
        return tuple(without_lines(one) for one in value)
    if not is_dataclass(value) or isinstance(value, type):
        return value
    names = [field.name for field in fields(value)]
    changes = {name: without_lines(getattr(value, name)) for name in names if name not in ("line", "path")}
    return replace(value, **changes, **{name: None for name in ("line", "path") if name in names})


def script_of(*lines: str) -> Script:
    return parse_script("\n".join(lines))


def run_of(*lines: str) -> Run:
    """The one run of a script with a potential, these lines and 100000 steps."""
    script = script_of("potential nep.txt", NVT, *lines, "run 100000")
    (run,) = script.actions
    assert isinstance(run, Run)
    return run


def test_reads_every_keyword_in_order() -> None:
    script = parse_script(
        """
# a comment
replicate 2 1 3
potential ../nep.txt   # the model

velocity 900 seed 42
minimize fire 1e-5 1000 1
time_step 0.5 0.1
correct_velocity 10 1
ensemble npt_scr 300 900 100 0 0 0 50 60 70 1000
dump_thermo 10
dump_xyz 100 a.xyz
dump_xyz 200 b*
dump_restart 1000
run 5000
ensemble nve
compute_hnemd 1000 0 0.0004 -1.5e-3
compute_hac 10 100 10
compute_shc 2 250 1 1000 400.0 group 0 5
compute_msd 10 50 group 1 0
compute_rdf 8.0 400 1000
run 1000
""",
        "run.in",
    )
    assert script == Script(
        potential="../nep.txt",
        replicate=(2, 1, 3),
        path=Path("run.in"),
        actions=(
            Velocity(900.0, 42, line=6),
            Minimize("fire", 1e-5, 1000, box_change=True, line=7),
            Run(
                5000,
                time_step=0.5,
                max_distance=0.1,
                ensemble=Ensemble(
                    "npt_scr", 300.0, 900.0, 100.0, (0.0, 0.0, 0.0), (50.0, 60.0, 70.0), 1000.0, line=10
                ),
                target_temperature=900.0,
                correct_velocity=10,
                correct_group=1,
                measures=(DumpThermo(10, 11), DumpXyz(100, "a.xyz", line=12), DumpXyz(200, "b*", line=13),
                          DumpRestart(1000, 14)),
                line=15,
            ),
            Run(
                1000,
                time_step=0.5,
                ensemble=Ensemble("nve", line=16),
                target_temperature=900.0,
                measures=(
                    ComputeHnemd(1000, (0.0, 0.0004, -0.0015), 17),
                    ComputeHac(10, 100, 10, 18),
                    ComputeShc(2, 250, 1, 1000, 400.0, Group(0, 5), 19),
                    ComputeMsd(10, 50, Group(1, 0), 20),
                    ComputeRdf(8.0, 400, 1000, 21),
                ),
                line=22,
            ),
        ),
    )  # fmt: skip


def test_time_step_and_ensemble_hold_and_the_rest_belongs_to_the_next_run() -> None:
    script = script_of(
        "time_step 2 0.1", "potential nep.txt", "ensemble nvt_ber 300 500 100", "correct_velocity 20",
        "dump_thermo 10", "run 10", "run 20", "time_step 1", "ensemble nve", "run 30",
    )  # fmt: skip
    first, second, third = (action for action in script.actions if isinstance(action, Run))
    assert (first.time_step, second.time_step, third.time_step) == (2.0, 2.0, 1.0)
    assert (first.max_distance, second.max_distance) == (0.1, None)
    assert (first.correct_velocity, first.correct_group, second.correct_velocity) == (20, None, None)
    assert (len(first.measures), len(second.measures)) == (1, 0)
    assert first.ensemble == second.ensemble
    assert third.ensemble.kind == "nve"
    assert [run.target_temperature for run in (first, second, third)] == [500.0] * 3


def test_there_is_no_target_temperature_before_the_first_thermostat() -> None:
    script = script_of("potential a", "ensemble nve", "run 1", NVT, "run 1")
    assert [run.target_temperature for run in script.actions if isinstance(run, Run)] == [None, 300.0]


def test_time_step_of_zero_evaluates_a_relaxed_structure() -> None:
    script = script_of(
        "potential a", "minimize sd -1 10", "ensemble nve", "time_step 0", "dump_xyz 1 relaxed.xyz", "run 1"
    )
    assert isinstance(script.actions[1], Run)
    assert script.actions[1].time_step == 0.0


@pytest.mark.parametrize(
    ("line", "measure"),
    [
        ("dump_xyz 10 a.xyz", DumpXyz(10, "a.xyz")),
        ("dump_xyz 10 20", DumpXyz(10, "20")),
        ("dump_xyz 10 20 force", DumpXyz(10, "20", quantities=("force",))),
        (
            "dump_xyz 10 a.xyz group 1 0 precision double force mass",
            DumpXyz(10, "a.xyz", Group(1, 0), "double", ("mass", "force")),
        ),
        (
            "dump_xyz 10 a.xyz virial group_labels precision single velocity",
            DumpXyz(10, "a.xyz", None, "single", ("velocity", "virial", "group_labels")),
        ),
        ("dump_xyz -1 1 1000 a.xyz", DumpXyz(1000, "a.xyz")),
        (
            "dump_xyz 0 2 5 a.xyz velocity group unwrapped_position",
            DumpXyz(5, "a.xyz", Group(0, 2), quantities=("velocity", "unwrapped_position", "group_labels")),
        ),
        ("dump_exyz 10", DumpXyz(10, "dump.xyz")),
        ("dump_exyz 10 0 1", DumpXyz(10, "dump.xyz", quantities=("force",))),
        ("dump_exyz 10 1 1 1 0", DumpXyz(10, "dump.xyz", quantities=("velocity", "force", "potential"))),
        ("compute_shc 50 100 0 0 1", ComputeShc(50, 100, 0, 0, 1.0)),
        ("compute_shc 1 1000 2 10 1e2 group 0 -1", ComputeShc(1, 1000, 2, 10, 100.0, Group(0, -1))),
        ("compute_msd 5 200", ComputeMsd(5, 200)),
        ("compute_hnemd 1 0 0 0", ComputeHnemd(1, (0.0, 0.0, 0.0))),
        ("compute_rdf 6 21 1", ComputeRdf(6.0, 21, 1)),
        ("compute_hac 1 10 10", ComputeHac(1, 10, 10)),
    ],
)
def test_forms_of_measures(line: str, measure: object) -> None:
    assert without_lines(run_of(line).measures) == (measure,)


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ("velocity 1e2", Velocity(100.0)),
        ("velocity 5 seed 0", Velocity(5.0, 0)),
        ("minimize sd 1e-6 10000", Minimize("sd", 1e-6, 10000)),
        ("minimize fire -1 5", Minimize("fire", -1.0, 5)),
        ("minimize fire 1e-5 5 1 1", Minimize("fire", 1e-5, 5, True, True)),
        ("minimize fire 1e-5 5 0", Minimize("fire", 1e-5, 5)),
    ],
)
def test_forms_of_actions(line: str, action: object) -> None:
    script = script_of("potential a", line, NVT, "run 1")
    assert without_lines(script.actions[0]) == action


@pytest.mark.parametrize(
    ("words", "ensemble"),
    [
        ("nve", Ensemble("nve")),
        ("nvt_bdp 1 2 1", Ensemble("nvt_bdp", 1.0, 2.0, 1.0)),
        ("nvt_lan 1 2 1.5", Ensemble("nvt_lan", 1.0, 2.0, 1.5)),
        ("npt_ber 1 2 100 -0.5 50 1000", Ensemble("npt_ber", 1.0, 2.0, 100.0, (-0.5,), (50.0,), 1000.0)),
        (
            "npt_scr 1 2 100 1 2 3 4 5 6 11 12 13 14 15 16 1000",
            Ensemble("npt_scr", 1.0, 2.0, 100.0, (1.0, 2.0, 3.0, 4.0, 5.0, 6.0), (11.0, 12.0, 13.0, 14.0, 15.0, 16.0),
                     1000.0),
        ),
    ],
)  # fmt: skip
def test_forms_of_ensembles(words: str, ensemble: Ensemble) -> None:
    script = script_of("potential a", f"ensemble {words}", "run 1")
    assert isinstance(script.actions[0], Run)
    assert without_lines(script.actions[0].ensemble) == ensemble


BAD = {
    "unknown": ("dump_termo 10", r"`dump_termo` is not a keyword of run.in; did you mean `dump_thermo`\?"),
    "upper case": ("RUN 10", r"`RUN` is not a keyword of run.in; did you mean `run`\?"),
    "nonsense": ("qqqq", r"`qqqq` is not a keyword of run.in; expected one of potential, "),
    "gpumd": ("fix 0", r"`fix` is a GPUMD keyword that neptuner md cannot do yet; remove the line or run it with gpu"),
    "removed": ("dump_position 10", r"`dump_position` was removed from GPUMD; write `dump_xyz INTERVAL FILE` instead"),
    "ensemble": ("ensemble nvt_bao 1 1 1", r"`nvt_bao` is a GPUMD ensemble that neptuner md cannot do yet"),
    "ensemble typo": ("ensemble nvt_nch 1 1 1", r"`nvt_nch` is not an ensemble; did you mean `nvt_nhc`\?"),
    "ensemble nothing": ("ensemble", r"`ensemble`: has no method"),
    "ensemble nonsense": ("ensemble 300", r"`300` is not an ensemble, expected `ensemble nve`"),
    "nve numbers": ("ensemble nve 300", r"has 1 number\(s\) after nve, expected 0"),
    "nvt numbers": ("ensemble nvt_nhc 300 300", r"has 2 number\(s\) after nvt_nhc, expected 3"),
    "npt numbers": ("ensemble npt_scr 300 300 100", r"has 3 number\(s\) after npt_scr, expected 6 or 10 or 16"),
    "cold": ("ensemble nvt_nhc 0 300 100", r"the target temperature is 0, expected more than 0"),
    "coupling": ("ensemble nvt_nhc 300 300 0.5", r"the temperature coupling is 0.5, expected at least 1"),
    "p coupling": ("ensemble npt_ber 300 300 100 0 50 0.5", r"the pressure coupling is 0.5, expected at least 1"),
    "modulus": ("ensemble npt_ber 300 300 100 0 0 100", r"the elastic modulus is 0, expected more than 0"),
    "two ensembles": (f"{NVT}\n{NVT}", r"line 3: `ensemble` is already on line 2 for the same run; delete one"),
    "not a number": ("velocity hot", r"`velocity hot`: the temperature is hot, expected a number"),
    "nan": ("velocity nan", r"the temperature is nan, expected a number"),
    "infinite": ("velocity 1e999", r"the temperature is 1e999, expected a number"),
    "underscore": ("velocity 1_0", r"the temperature is 1_0, expected a number"),
    "seed": ("velocity 300 sead 1", r"found `sead`, expected `velocity TEMPERATURE seed NUMBER`"),
    "seed sign": ("velocity 300 seed -1", r"the seed is -1, expected 0 to 2147483647"),
    "two words": ("velocity 300 1", r"has 2 word\(s\) after the keyword, expected 1 or 3: `velocity TEMPERATURE"),
    "real for int": ("dump_thermo 1.0", r"the interval is 1.0, expected a whole number"),
    "octal": ("dump_thermo 010", r"the interval is 010, which GPUMD reads as octal; drop the leading zeros"),
    "zero": ("dump_thermo 0", r"`dump_thermo 0`: the interval is 0, expected at least 1"),
    "too many": ("dump_thermo 1 2", r"has 2 word\(s\) after the keyword, expected 1: `dump_thermo INTERVAL`"),
    "measure twice": ("dump_thermo 1\ndump_thermo 2", r"line 3: `dump_thermo` is already on line 2"),
    "same file": ("dump_xyz 1 a\ndump_xyz 2 a", r"line 3: file a is already on line 2"),
    "correct": ("correct_velocity 9", r"the interval is 9, expected at least 10"),
    "time step": ("time_step -1", r"the time step is -1, expected at least 0"),
    "distance": ("time_step 1 0", r"the largest distance is 0, expected more than 0"),
    "minimizer": ("minimize cg 1 1", r"found the method `cg`, expected sd or fire"),
    "sd cell": ("minimize sd 1e-5 10 1", r"steepest descent cannot change the cell"),
    "flag": ("minimize fire 1e-5 10 2", r"the flag is 2, expected 0 to 1"),
    "replicate": ("replicate 1 2 3", r"`replicate` stands after `potential` of line 1; move it to the top"),
    "potential twice": ("potential b", r"`potential` is given twice; keep one"),
    "run": ("run 0", r"the number of steps is 0, expected at least 1"),
    "no ensemble": ("run 5", r"`run` has no `ensemble`; add one before it, for example `ensemble nve`"),
    "no file": ("dump_xyz 1", r"expected `dump_xyz INTERVAL FILE"),
    "old group": ("dump_xyz 1 a group", r"`group` is not followed by two whole numbers.*`group_labels`"),
    "group sign": ("dump_xyz 1 a group 0 -1", r"the group label is -1, expected at least 0"),
    "option twice": ("dump_xyz 1 a force force", r"`force` is given twice"),
    "precision": ("dump_xyz 1 a precision half", r"`precision` is followed by half, expected single or double"),
    "no precision": ("dump_xyz 1 a precision", r"`precision` is followed by nothing"),
    "quantity": ("dump_xyz 1 a forces", r"`forces` is not a quantity of dump_xyz; did you mean `force`\?"),
    "charge": ("dump_xyz 1 a charge", r"`charge` belongs to models with charges"),
    "old no file": ("dump_xyz -1 1 1000", r"has no file; write `dump_xyz INTERVAL FILE`"),
    "old interval": ("dump_xyz -1 1 0 a", r"the interval is 0, expected at least 1"),
    "separated": ("dump_exyz 1 1 1 1 1", r"a file for each frame is now written by `dump_xyz INTERVAL dump.\*`"),
    "hac output": ("compute_hac 1 10 11", r"the output interval is 11, expected 1 to 10"),
    "shc sample": ("compute_shc 51 100 0 1 1", r"the sampling interval is 51, expected 1 to 50"),
    "shc lags": ("compute_shc 1 99 0 1 1", r"the number of correlation steps is 99, expected 100 to 1000"),
    "shc direction": ("compute_shc 1 100 3 1 1", r"the direction is 3, expected 0 to 2"),
    "shc group": ("compute_shc 1 100 0 1 1 group 0 -2", r"the group label is -2, expected at least -1"),
    "shc groups": ("compute_shc 1 100 0 1 1 groups 0 1", r"found `groups`, expected `group METHOD LABEL`"),
    "msd": ("compute_msd 1 10 all_groups 0", r"`all_groups` is something that neptuner md cannot do yet"),
    "msd short": ("compute_msd 1 10 group 0", r"has 4 word\(s\) after the keyword, expected 2 or 5"),
    "rdf bins": ("compute_rdf 8 20 1", r"the number of bins is 20, expected 21 to 500"),
    "rdf pairs": ("compute_rdf 8 100 1 atom 0 1", r"pairs are no longer chosen with `atom`, all are written"),
    "rdf words": ("compute_rdf 8 100", r"has 2 word\(s\) after the keyword, expected 3"),
    "long hac": (f"{NVT}\ncompute_hac 10 100 1\nrun 999", r"line 3: .*needs a run of at least 1000 steps .* has 999"),
    "long shc": (f"{NVT}\ncompute_shc 10 100 0 1 1\nrun 999", r"line 3: .*needs a run of at least 1000 steps"),
    "long msd": (f"{NVT}\ncompute_msd 10 100\nrun 999", r"line 3: .*needs a run of at least 1000 steps"),
    "no target": ("ensemble nve\ncompute_hnemd 1 0 0 1\nrun 9", r"line 3: .*divided by a target temperature"),
    "no effect": (f"{NVT}\nrun 9\ndump_thermo 1", r"line 4: `dump_thermo` has no effect, as no `run` follows it"),
}


@pytest.mark.parametrize(("lines", "message"), BAD.values(), ids=BAD.keys())
def test_refuses_with_one_sentence(lines: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_script(f"potential nep.txt\n{lines}\n", "run.in")
    assert str(caught.value).startswith("run.in, line ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"run.in: has no `potential` line"),
        ("potential nep.txt\nvelocity 300", r"run.in: has no `run` line"),
        ("ensemble nve\nrun 5\npotential a", r"line 2: `run` stands before `potential`"),
        ("minimize sd 1 1\npotential a", r"line 1: `minimize` stands before `potential`"),
        ("replicate 1 1 1\nreplicate 2 2 2", r"line 2: `replicate` is given twice"),
        ("replicate 1 0 1", r"the number of replicas is 0, expected at least 1"),
        ("velocity 9\nreplicate 1 2 1", r"line 2: `replicate` stands after `velocity` of line 1"),
    ],
)
def test_refuses_wrong_orders(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_script(text, "run.in")


def test_keywords_are_either_ours_or_only_gpumds() -> None:
    assert not KEYWORDS.keys() & NOT_SUPPORTED
    for name in NOT_SUPPORTED:
        with pytest.raises(InputError, match=f"`{name}` is a GPUMD keyword"):
            script_of(f"{name} 1 2 3")
    for name in OTHER_ENSEMBLES:
        with pytest.raises(InputError, match=f"`{name}` is a GPUMD ensemble"):
            script_of(f"ensemble {name} 1 2 3")


counts = st.integers(1, 10**6)
positive = st.floats(1e-6, 1e6)
couplings = st.floats(1, 1e9)
reals = st.floats(-1e6, 1e6)
groups = st.none() | st.builds(Group, st.integers(0, 3), st.integers(0, 9))
quantities = st.sets(st.sampled_from(QUANTITIES)).map(lambda chosen: tuple(q for q in QUANTITIES if q in chosen))
names = st.sampled_from(["a.xyz", "../b-2.xyz", "/tmp/c", "frames*", "d.1", "nep.txt"])

nvt = st.builds(Ensemble, st.sampled_from(["nvt_nhc", "nvt_bdp", "nvt_lan", "nvt_ber"]), positive, positive, couplings)
npt = st.sampled_from([1, 3, 6]).flatmap(
    lambda n: st.builds(
        Ensemble, st.sampled_from(["npt_scr", "npt_ber"]), positive, positive, couplings, st.tuples(*[reals] * n),
        st.tuples(*[positive] * n), couplings,
    )
)  # fmt: skip
hac = st.integers(1, 1000).flatmap(
    lambda lags: st.builds(ComputeHac, st.integers(1, 100), st.just(lags), st.integers(1, lags))
)
heat = st.builds(ComputeHnemd, counts, st.tuples(reals, reals, reals)) | hac
other = st.one_of(
    st.builds(DumpThermo, counts),
    st.builds(DumpRestart, counts),
    st.builds(DumpXyz, counts, names, groups, st.sampled_from(["single", "double"]), quantities),
    st.builds(
        ComputeShc, st.integers(1, 50), st.integers(100, 1000), st.integers(0, 2), st.integers(0, 10**4), positive,
        groups,
    ),
    st.builds(ComputeMsd, st.integers(1, 100), st.integers(1, 1000), groups),
    st.builds(ComputeRdf, positive, st.integers(21, 500), counts),
)  # fmt: skip
before_runs = st.one_of(
    st.builds(Velocity, positive, st.none() | st.integers(0, 2**31 - 1)),
    st.builds(Minimize, st.just("sd"), reals, counts),
    st.builds(Minimize, st.just("fire"), reals, counts, st.booleans(), st.booleans()),
)
corrections = st.just((None, None)) | st.tuples(st.integers(10, 1000), st.none() | st.integers(0, 3))


def kind(measure: object) -> object:
    return measure.filename if isinstance(measure, DumpXyz) else type(measure)


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    actions: list[Any] = []
    target = None
    for _ in range(draw(st.integers(1, 2))):
        actions += draw(st.lists(before_runs, max_size=1))
        ensemble = draw(st.one_of(st.just(Ensemble("nve")), nvt, npt))
        target = target if ensemble.kind == "nve" else ensemble.t_stop
        measures = draw(st.lists(other if target is None else heat | other, max_size=4, unique_by=kind))
        actions.append(
            Run(
                draw(st.integers(10**5, 10**9)),
                draw(st.just(1.0) | st.floats(0, 100)),
                draw(st.none() | positive),
                ensemble,
                target,
                *draw(corrections),
                tuple(measures),
            )
        )
    return Script(draw(names), draw(st.just((1, 1, 1)) | st.tuples(*[st.integers(1, 9)] * 3)), tuple(actions))


@given(scripts())
def test_what_is_formatted_is_parsed_back(script: Script) -> None:
    text = format_script(script)
    parsed = parse_script(text)
    assert without_lines(parsed) == script
    assert format_script(parsed) == text


def test_older_versions_get_their_own_dump_xyz() -> None:
    script = script_of("potential a", NVT, "dump_xyz 9 b.xyz group 1 2 force group_labels", "run 10")
    assert "dump_xyz 9 b.xyz group 1 2 force group_labels\n" in format_script(script, LATEST)
    older = format_script(script, GpumdVersion(5, 6))
    assert "dump_xyz 1 2 9 b.xyz force group\n" in older
    assert without_lines(parse_script(older)) == without_lines(script)
    with pytest.raises(InputError, match=r"GPUMD 4.1 cannot write `group_labels`"):
        format_script(script, GpumdVersion(4, 1))
    with pytest.raises(InputError, match=r"GPUMD 3.9.5 writes trajectories of all atoms to dump.xyz only"):
        format_script(script, GpumdVersion(3, 9, 5))


def test_gpumd_3_gets_dump_exyz() -> None:
    script = script_of("potential a", NVT, "dump_xyz 9 dump.xyz velocity potential", "run 10")
    text = format_script(script, GpumdVersion(3, 9, 5))
    assert "dump_exyz 9 1 0 1\n" in text
    assert without_lines(parse_script(text)) == without_lines(script)
    assert "dump_xyz -1 0 9 dump.xyz velocity potential\n" in format_script(script, GpumdVersion(4, 0))


def test_what_a_version_cannot_do_is_said() -> None:
    precise = script_of("potential a", NVT, "dump_xyz 9 b.xyz precision double", "run 10")
    with pytest.raises(InputError, match=r"GPUMD 5.6 has no `precision` in `dump_xyz`"):
        format_script(precise, GpumdVersion(5, 6))
    relaxing = script_of("potential a", "minimize fire 1e-4 10 1", NVT, "run 10")
    with pytest.raises(InputError, match=r"GPUMD 3.9 cannot relax the cell"):
        format_script(relaxing, GpumdVersion(3, 9))


def test_reads_a_real_script(shared_data: Path) -> None:
    path = shared_data / "j14-hnemd-900K" / "run1" / "run.in"
    script = read_script(path)
    assert script.path == path
    assert script.potential == "./nep.txt"
    runs = [action for action in script.actions if isinstance(action, Run)]
    assert [run.steps for run in runs] == [10**6, 10**7]
    assert runs[1].target_temperature == 900.0
    assert without_lines(runs[1].measures[0]) == ComputeHnemd(10000, (0.0, 0.0004, 0.0))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"run\.in: there is no such file"):
        read_script(tmp_path / "run.in")
