"""What a mistyped command, option or keyword is answered with."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from neptuner.cli.app import app
from neptuner.cli.suggestions import unknown_command
from neptuner.errors import InputError
from neptuner.files.nep_in_keywords import find_keyword
from neptuner.files.run_in import parse_script
from neptuner.study.spec import read_spec

WRONG = {
    "trian": "There is no command `trian`; did you mean `train`?",
    "Study x.toml": "There is no command `Study`; did you mean `study`?",
    "study.toml": "There is no command `study.toml`; did you mean `neptuner study study.toml`?",
    "runs/nep.in": "did you mean `neptuner train runs`?",
    "run.in": "did you mean `neptuner md .`?",
    "frobnicate": "There is no command `frobnicate`; the commands are init, ",
    "train --step 3": "`neptuner train` has no option `--step`; did you mean `--steps`?",
    "train --time_limit 3": "has no option `--time_limit`; did you mean `--time-limit`?",
    "train --time_limit=3": "has no option `--time_limit`; did you mean `--time-limit`?",
    "train -steps 3": "`neptuner train` has no option `-steps`; did you mean `--steps`?",
    "train -steps=3": "`neptuner train` has no option `-steps`; did you mean `--steps`?",
    "study x.toml --dryrun": "did you mean `--dry-run`?",
    "train --temperature 3": "`neptuner train` has no option `--temperature`; `neptuner speed` has it.",
    "status --qqqq": "`neptuner status` has no option `--qqqq`; it has --json.",
    "--json train": "`--json` belongs after the command: `neptuner train --json`.",
    "--dry-run": "`--dry-run` belongs after a command: `neptuner study --dry-run`.",
    "--qqqq": "There is no option `--qqqq` before the command;",
}
TOML = '[study]\ntrain = "train.xyz"\nbaseline = "nep.in"\n'
MISPLACED = {
    'train = "train.xyz"': "unknown table or key train; move it to [study]",
    TOML + "temperature = 300": "unknown key study.temperature; move it to [md]",
    TOML + "n_max = [[4, 4]]": "unknown key study.n_max; move it to [sweep]",
    "n_max = [[4, 4]]\n" + TOML: "unknown table or key n_max; move it to [sweep]",
    TOML + "[search]\ntrials = 3\nneuron = [10]\nspace = {}": "unknown key search.neuron; move it to [search.space]",
    TOML + "partition = 'gpu'": "unknown key study.partition; move it to [launcher]",
    TOML + "[final]\nreplicates = 3\nsteps_factor = 2": "unknown key final.replicates; move it to [study] or [md]",
    TOML + "[studdy]": "unknown table or key studdy; did you mean study?",
}
NEP_IN = {
    "nmax": "n_max", "l-max": "l_max", "CUTOFF": "cutoff", "cutof": "cutoff", "Neurons": "neuron", "bacth": "batch",
    "basis_sise": "basis_size", "lambda-e": "lambda_e", "genration": "generation", "typeweight": "type_weight",
}  # fmt: skip
RUN_IN = {
    "potentail": "potential", "esemble": "ensemble", "timestep": "time_step", "dump-thermo": "dump_thermo",
    "compute_hnmd": "compute_hnemd", "compute_sch": "compute_shc", "minimise": "minimize", "RUN": "run",
}  # fmt: skip


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_command_line_is_answered_with_the_right_one(line: str) -> None:
    result = CliRunner().invoke(app, line.split(), env={"COLUMNS": "300"})
    assert result.exit_code == 2
    said = result.output.splitlines()[-1]
    assert said.startswith("Error: ") and WRONG[line] in said
    assert "Possible options" not in said


def test_other_mistakes_are_told_as_before() -> None:
    result = CliRunner().invoke(app, ["predict", "nep.txt"])
    assert result.exit_code == 2 and "Missing argument 'DATA.xyz'" in result.output


@given(st.text(min_size=1))
def test_any_word_gets_an_answer(word: str) -> None:
    assert unknown_command(word, ["train", "study"]).startswith("There is no command `")


@pytest.mark.parametrize("text", MISPLACED)
def test_a_key_in_the_wrong_table_is_sent_home(tmp_path: Path, text: str) -> None:
    (tmp_path / "study.toml").write_text(text)
    with pytest.raises(InputError) as caught:
        read_spec(tmp_path / "study.toml")
    assert caught.value.message == MISPLACED[text]


@pytest.mark.parametrize(("wrong", "right"), NEP_IN.items())
def test_mistyped_keywords_of_nep_in(wrong: str, right: str) -> None:
    with pytest.raises(InputError, match=f"`{wrong}` is not a keyword of nep.in; did you mean `{right}`\\?"):
        find_keyword(wrong)


@pytest.mark.parametrize(("wrong", "right"), RUN_IN.items())
def test_mistyped_keywords_of_run_in(wrong: str, right: str) -> None:
    with pytest.raises(InputError, match=f"line 1: `{wrong}` is not a keyword of run.in; did you mean `{right}`\\?"):
        parse_script(f"{wrong} 1\n")


def test_words_that_are_like_nothing_get_the_list() -> None:
    with pytest.raises(InputError, match=r"expected one of type, version, cutoff, .*output_interval$"):
        find_keyword("epochs")
    with pytest.raises(InputError, match=r"expected one of potential, replicate, velocity, "):
        parse_script("qqqq 1\n")


def test_mistyped_names_of_files(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(TOML)
    (tmp_path / "stuudy.tom").mkdir()
    for name, hint in {
        "stduy.toml": "stduy.toml: there is no such file; did you mean study.toml?",
        "qqqq": "qqqq: there is no such file; check its name and the folder",
        "x/study.toml": f"there is no such file; there is no folder {tmp_path / 'x'} either",
    }.items():
        with pytest.raises(InputError) as caught:
            read_spec(tmp_path / name)
        assert str(caught.value).endswith(hint)
