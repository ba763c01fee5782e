from __future__ import annotations

from pathlib import Path

import pytest

from neptuner.errors import InputError
from neptuner.study.spec import read_spec

MINIMAL = '[study]\ntrain = "train.xyz"\nbaseline = "nep.in"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "s.toml"
    path.write_text(text)
    return path


def refusal(folder: Path, text: str) -> str:
    path = write(folder, text)
    with pytest.raises(InputError) as error:
        read_spec(path)
    message = str(error.value)
    assert message.startswith(str(path)) and "\n" not in message and error.value.exit_code == 2
    return message.removeprefix(str(path)).lstrip(":, ")


def test_defaults(tmp_path: Path) -> None:
    spec = read_spec(write(tmp_path, MINIMAL))
    assert (spec.name, spec.train, spec.test) == ("s", tmp_path / "train.xyz", None)
    assert (spec.replicates, spec.metric, spec.strategy, spec.last_rows) == (1, "force", "avg", 10)
    assert (spec.seed, spec.steps, spec.jobs, spec.threads) == (1, None, None, 1)
    assert (spec.validation, spec.time_limit, spec.sweep, spec.steps_factor) == (0.1, None, (), 1)
    assert spec.seeds == (1,)


def test_everything_given(project) -> None:
    project.edit("steps = 100", "steps = 100\nseed = 7\njobs = 3\nthreads = 2\nvalidation = 0.2\ntime_limit = 60")
    project.edit("batch = [3, 7]", 'batch = [3, 7]\ncutoff = [[6, 4.5]]\nversion = ["3"]')
    spec = read_spec(project.toml)
    assert spec.seeds == (7, 8) and spec.steps_factor == 2 and spec.time_limit == 60
    assert spec.sweep == (
        ("n_max", ((2, 4), (4, 4))),
        ("batch", ((3,), (7,))),
        ("cutoff", ((6, 4.5),)),
        ("version", (("3",),)),
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "table [study] is missing; expected a table with train, baseline and more"),
        ("study = 3", "table [study] is 3; expected a table with train, baseline and more"),
        ('[study]\ntrain = "a"', "study.baseline is missing; expected the path of a nep.in file"),
        ('[study]\nbaseline = "a"\ntrain = ""', 'study.train is ""; expected the path of an extended XYZ file'),
        (MINIMAL + "replicates = 0", "study.replicates is 0; expected a whole number of at least 1"),
        (MINIMAL + "replicates = 2.0", "study.replicates is 2.0; expected a whole number of at least 1"),
        (MINIMAL + "replicates = true", "study.replicates is true; expected a whole number of at least 1"),
        (MINIMAL + 'seed = "1"', 'study.seed is "1"; expected a whole number of at least 0'),
        (MINIMAL + 'metric = "forces"', 'study.metric is "forces"; expected "energy", "force" or "virial"'),
        (MINIMAL + 'strategy = "AVG"', 'study.strategy is "AVG"; expected "avg" or "min"'),
        (MINIMAL + "validation = 0.9", "study.validation is 0.9; expected a number above 0 and at most 0.5"),
        (MINIMAL + "time_limit = nan", "study.time_limit is nan; expected seconds, above 0"),
        (MINIMAL + "jobs = [1]", "study.jobs is [1]; expected a whole number of at least 1"),
        (MINIMAL + "replicate = 2", "unknown key study.replicate; did you mean replicates?"),
        (MINIMAL + "colour = 2\nreplicates = 0", "unknown key study.colour; expected one of train, test, baseline"),
        (MINIMAL + "[swep]\nn_max = []", "unknown table or key swep; did you mean sweep?"),
        (MINIMAL + "[final]", "final.steps_factor is missing; expected a number of at least 1"),
        (MINIMAL + "[final]\nsteps_factor = 0.5", "final.steps_factor is 0.5; expected a number of at least 1"),
        (MINIMAL + "[final]\nstep_factor = 3", "unknown key final.step_factor; did you mean steps_factor?"),
        (MINIMAL + "[md]\nfe = 0", "md.fe is 0; expected a driving force in 1/angstrom other than 0, or a list"),
        (MINIMAL + "[md]\nfe = []", "md.fe is []; expected a driving force"),
        (MINIMAL + '[md]\nfe = [1e-4, "a"]', "md.fe is [0.0001, 'a']; expected a driving force"),
        (MINIMAL + "[md]\nfe = true", "md.fe is true; expected a driving force"),
        (MINIMAL + "[md]\nfe = inf", "md.fe is inf; expected a driving force"),
        (MINIMAL + "[md]\nsupercell = [1, 2]", "md.supercell is [1, 2]; expected three whole numbers of at least 1"),
        (MINIMAL + "[md]\nsupercell = [1, 2, 0]", "md.supercell is [1, 2, 0]; expected three whole numbers"),
        (MINIMAL + "[md]\nsupercell = 3", "md.supercell is 3; expected three whole numbers"),
        (
            MINIMAL + '[md]\nmethod = "green-kubo"',
            'md.method is "green-kubo"; expected "hnemd", all that a study can do',
        ),
        (MINIMAL + '[md]\ndirection = "w"', 'md.direction is "w"; expected "x", "y" or "z"'),
        (MINIMAL + "[md]\ntemperature = 0", "md.temperature is 0; expected kelvin, above 0"),
        (MINIMAL + "[md]\ntime_ps = -1", "md.time_ps is -1; expected picoseconds, above 0"),
        (MINIMAL + "[md]\ntime_step = 20", "md.time_step is 20; expected femtoseconds, above 0 and at most 10"),
        (MINIMAL + "[md]\ntemperatur = 3", "unknown key md.temperatur; did you mean temperature?"),
        (MINIMAL + "[md]\ncorrection = 3", "md.correction is 3; expected true or false"),
        (MINIMAL + "[[md]]", "table [md] is [{}]; expected a table with temperature, fe, time_ps and more"),
        (MINIMAL + "[sweep]\nbatch = 3", "sweep.batch is 3; expected a list of values to try"),
        (MINIMAL + "[sweep]\nbatch = []", "sweep.batch is an empty list; expected values to try, or no such key"),
        (MINIMAL + "[sweep]\nbatch = [[]]", "sweep.batch has the value []; expected a number or a list of numbers"),
        (MINIMAL + "[sweep]\nbatch = [[[1]]]", "sweep.batch has the value [[1]]; expected a number or a list"),
        (MINIMAL + "[sweep]\nbatch = [true]", "sweep.batch has the value true; expected a number or a list"),
        (MINIMAL + "[sweep]\nbatch = [{a = 1}]", "sweep.batch has the value a table; expected a number"),
        (MINIMAL + "[[sweep]]\nbatch = [1]", "table [sweep] is [{'batch': [1]}]; expected a table of lists"),
        (MINIMAL + "seed = x", "line 4: is not valid TOML at column 8 (Invalid value); see https://toml.io"),
        ("[study", "is not valid TOML at the end of the file (Expected ']' at the end of a table declaration); see"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    assert refusal(tmp_path, text).startswith(sentence)


def test_defaults_of_molecular_dynamics(tmp_path: Path) -> None:
    assert read_spec(write(tmp_path, MINIMAL)).md is None
    md = read_spec(write(tmp_path, MINIMAL + "[md]")).md
    assert md is not None
    assert (md.temperature, md.fe, md.direction, md.time_ps, md.equilibration_ps) == (300, (2e-4,), 0, 20, 5)
    assert (md.replicates, md.time_step, md.thermostat, md.coupling) == (2, 1, "nvt_nhc", 100)
    assert (md.supercell, md.structure, md.correction, md.correction_models) == (None, None, False, 4)


def test_everything_of_molecular_dynamics(tmp_path: Path) -> None:
    text = (
        '[md]\nsupercell = [3, 2, 1]\nfe = [1e-4, 2e-4, 1e-4]\ndirection = "z"\nstructure = "model.xyz"\n'
        'thermostat = "nvt_bdp"\ntime_step = 2\ntime_ps = 7'
    )
    md = read_spec(write(tmp_path, MINIMAL + text)).md
    assert md is not None
    assert (md.supercell, md.fe, md.direction) == ((3, 2, 1), (1e-4, 2e-4), 2)
    assert md.structure == tmp_path / "model.xyz" and md.thermostat == "nvt_bdp"
    assert [md.steps(ps) for ps in (7, 0.001, 7.001)] == [3500, 1, 3501]


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_spec(tmp_path / "absent.toml")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("batch = [3, 7]", "batch = [0]", r"study.toml: sweep.batch has the value \[0\]: .*at least 1"),
        ("batch = [3, 7]", "batch = [2.5]", r"study.toml: sweep.batch has the value \[2.5\]: .*whole number"),
        ("batch = [3, 7]", "bach = [3]", r"study.toml: sweep.bach .*did you mean `batch`\?"),
        ("batch = [3, 7]", "l_max = [[1]]", r"study.toml: sweep.l_max .*expected 2 to 8"),
        ("batch = [3, 7]", 'type = [["Mg"]]', r"sweep.type: the elements cannot be varied"),
        ("batch = [3, 7]", "generation = [100]", r"sweep.generation: the number of steps is study.steps"),
        ("batch = [3, 7]", "population = [50]", r"sweep.population: it has no meaning in gradient training"),
        ('"train.xyz"', '"absent.xyz"', r"absent.xyz: there is no such file"),
        ('"test.xyz"', '"absent.xyz"', r"absent.xyz: there is no such file"),
        ('"nep.in"', '"absent.in"', r"absent.in: there is no such file"),
    ],
)
def test_everything_is_checked_before_anything_starts(project, old: str, new: str, sentence: str) -> None:
    project.edit(old, new)
    with pytest.raises(InputError, match=sentence):
        project.run()
    assert not project.out.exists()


@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        ("nep.in", "type 1 Mg\n", r"train.xyz, frame 1.*has O, which `type` of nep.in"),
        ("nep.in", "type 2 Mg O\nn_max 4\n", r"nep.in, line 2: `n_max`"),
        ("train.xyz", "2\nno lattice\n", r"train.xyz, frame 1"),
        ("test.xyz", "\n", r"test.xyz.*"),
    ],
)
def test_files_are_checked_before_anything_starts(project, file: str, text: str, sentence: str) -> None:
    project.write(file, text)
    with pytest.raises(InputError, match=sentence):
        project.run()
    assert not project.out.exists()


def test_element_of_the_test_set_is_checked(project) -> None:
    project.edit("Mg 2.000", "Si 2.000", "test.xyz")
    with pytest.raises(InputError, match=r"test.xyz, frame 1.*has Si"):
        project.run()


def test_too_few_frames(project) -> None:
    text = (project.folder / "test.xyz").read_text()
    project.write("train.xyz", text)
    with pytest.raises(InputError, match=r"train.xyz: has 4 frame\(s\), expected at least 10"):
        project.run()


def test_virial_metric_needs_virials(project) -> None:
    text = (project.folder / "train.xyz").read_text()
    project.write("train.xyz", text.replace("virial=", "other="))
    project.edit('metric = "force"', 'metric = "virial"')
    with pytest.raises(InputError, match=r'study.metric is "virial", but no train frame of train.xyz has a virial'):
        project.run()
