"""Help with examples that parse, and completion in the shell."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from neptuner.cli.app import app
from neptuner.cli.help_texts import FIRST_STEPS, HELP

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
EXAMPLES = [(name, line) for name in COMMANDS for line, _ in HELP[name].examples]
NARROW = {"COLUMNS": "80", "TERM": "dumb"}
PROGRAM = """\
#!/bin/sh
exec {python} -c "import sys; sys.argv[0] = 'neptuner'; from neptuner.cli import main; main()" "$@"
"""


def parse(line: str) -> str:
    """Parse a command line without running it; name of the command."""
    program, name, *words = shlex.split(line)
    assert program == "neptuner"
    COMMANDS[name].make_context(name, words)
    return name


@pytest.mark.parametrize(("name", "line"), EXAMPLES)
def test_examples_parse(name: str, line: str) -> None:
    assert parse(line) == name


def test_an_example_with_a_wrong_option_would_be_noticed() -> None:
    with pytest.raises(typer.BadParameter.__base__, match="No such option"):
        parse("neptuner train --epochs 3")


def test_first_steps_parse() -> None:
    lines = [line.split("  ")[1] for line in FIRST_STEPS.splitlines() if line.startswith("  neptuner")]
    assert [parse(line) for line in lines if "COMMAND" not in line] == ["doctor", "init", "study"]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_shows_its_examples(name: str) -> None:
    shown = CliRunner().invoke(app, [name, "--help"], env=NARROW).stdout
    for line, meaning in HELP[name].examples:
        assert f"    {line}\n        {meaning}\n" in shown


def test_examples_fit_a_narrow_terminal() -> None:
    for text in HELP.values():
        assert all(len(line) <= 76 and len(meaning) <= 72 for line, meaning in text.examples)


def test_the_list_of_commands_fits_a_narrow_terminal() -> None:
    shown = CliRunner().invoke(app, ["--help"], env=NARROW).stdout
    for name in COMMANDS:
        assert re.search(rf"^  {name} +{re.escape(HELP[name].summary)}$", shown, re.MULTILINE)
    assert "..." not in shown.partition("Commands:")[2]
    assert max(map(len, shown.splitlines())) <= 80


def test_help_loads_nothing_heavy() -> None:
    heavy = ("numpy", "numba", "scipy", "ase", "pydantic", "jinja2", "matplotlib")
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom neptuner.cli.app import app\n"
        "before = set(sys.modules)\nassert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def complete(line: str) -> list[str]:
    """What the shell would offer at the end of a line."""
    words = line.split(" ")
    env = {"_NEPTUNER_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    return CliRunner().invoke(app, [], env=env, prog_name="neptuner").stdout.split()


def test_completion_of_commands_options_and_words() -> None:
    assert set(complete("neptuner ")) == set(COMMANDS)
    assert complete("neptuner st") == ["study", "status"]
    assert complete("neptuner study --dr") == ["--dry-run"]
    assert complete("neptuner train --optimizer ") == ["soap", "adamw", "snes"]
    assert complete("neptuner train --optimizer s") == ["soap", "snes"]
    assert complete("neptuner md --engine g") == ["gpumd"]
    assert complete("neptuner speed --precision d") == ["double"]


def test_completion_leaves_files_to_the_shell_and_survives_mistakes() -> None:
    assert set(complete("neptuner study stu")) <= {"stu"}  # some versions of typer give it back
    assert complete("neptuner predict nep.txt data.xyz --out ") == []
    assert complete("neptuner stduy --d") == []


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_completion_in_a_real_shell(tmp_path: Path) -> None:
    program = tmp_path / "neptuner"
    program.write_text(PROGRAM.format(python=shlex.quote(sys.executable)))
    program.chmod(0o755)
    script = (
        "source <(_NEPTUNER_COMPLETE=source_bash neptuner)\ncomplete -p neptuner\n"
        "COMP_WORDS=(neptuner train --optimizer s); COMP_CWORD=3\n_neptuner_completion neptuner\necho ${COMPREPLY[@]}"
    )
    env = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    shown = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, env=env, timeout=60)
    registered, offered = shown.stdout.splitlines()
    assert "-o default" in registered, "without a suggestion of ours bash completes the names of files"
    assert offered == "soap snes"
