"""Every block of code of the manual is run or read by what it is meant for."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from manual_pages import MANUAL, PAGES, Block, blocks, calls, commands

from neptuner.files.atomic import write_text
from neptuner.files.extxyz import read_frames
from neptuner.files.nep_in import read_nep_in
from neptuner.files.run_in import read_script
from neptuner.study.spec import read_spec

LANGUAGES = {"bash", "console", "python", "toml", "nep.in", "run.in", "xyz", "text", "sh"}
"""``text`` is for people: outputs, formulas, synopses."""

BLOCKS = [block for page in PAGES for block in blocks(page)]
NEP_IN = "type 2 Mg O\ncutoff 5 4\nn_max 2 2\nbasis_size 3 3\nneuron 4\nbatch 4\noutput_interval 5\n"


def of_language(*languages: str) -> pytest.MarkDecorator:
    chosen = [block for block in BLOCKS if block.language in languages]
    assert chosen, f"no block of {languages}: rename the language here, too"
    return pytest.mark.parametrize("block", chosen, ids=lambda block: block.place)


def test_blocks_have_a_language_that_is_tested() -> None:
    assert {
        block.place: block.language for block in BLOCKS if block.page in MANUAL and block.language not in LANGUAGES
    } == {}


@of_language("bash", "console", "sh")
def test_the_shell_understands_commands(block: Block) -> None:
    for command in commands(block):
        done = subprocess.run(["bash", "-n", "-c", command.text], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr


def parse(words: list[str]) -> None:
    """Read a call of neptuner as the program does, without carrying it out."""
    from typer.main import get_command

    from neptuner.cli.app import app

    group: Any = get_command(app)
    if words and words[0].startswith("-"):
        group.make_context("neptuner", words, resilient_parsing=True)
        return
    assert words[0] in group.commands, f"`{words[0]}` is not a command"
    command = group.commands[words[0]]
    known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)} | {"--help"}
    given = {word.split("=")[0] for word in words[1:] if word.startswith("--")}
    assert given <= known, f"`neptuner {words[0]}` has no {given - known}"
    if not {"--help", "--show-completion"} & given:
        command.make_context(words[0], words[1:])


@of_language("bash", "console", "sh", "")
def test_commands_and_options_exist(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for text in [block.text] if not block.language else [command.text for command in commands(block)]:
        for words in calls(text):
            parse(words)


def test_a_wrong_option_is_found() -> None:
    with pytest.raises(AssertionError, match="has no"):
        parse(["predict", "nep.txt", "test.xyz", "--wurst", "3"])
    with pytest.raises(AssertionError, match="not a command"):
        parse(["predicct"])
    assert list(calls("cd x && neptuner md runs --seed 3 > log # why\nPATH=x neptuner train \\\n  --steps 3")) == [
        ["md", "runs", "--seed", "3"],
        ["train", "--steps", "3"],
    ]


@of_language("toml")
def test_studies_are_valid(block: Block, tmp_path: Path) -> None:
    for name in ("train.xyz", "test.xyz"):
        (tmp_path / name).touch()
    write_text(tmp_path / "nep.in", NEP_IN)
    text = block.text
    if "train =" not in text:  # a part of a study
        required = 'train = "train.xyz"\nbaseline = "nep.in"\n'
        text = text.replace("[study]\n", f"[study]\n{required}") if "[study]" in text else f"[study]\n{required}{text}"
    write_text(tmp_path / "study.toml", text)
    read_spec(tmp_path / "study.toml")


@of_language("nep.in")
def test_nep_in_is_valid(block: Block, tmp_path: Path) -> None:
    write_text(tmp_path / "nep.in", block.text)
    read_nep_in(tmp_path / "nep.in")


@of_language("run.in")
def test_run_in_is_valid(block: Block, tmp_path: Path) -> None:
    write_text(tmp_path / "run.in", block.text)
    assert read_script(tmp_path / "run.in").actions


@of_language("xyz")
def test_frames_are_valid(block: Block, tmp_path: Path) -> None:
    write_text(tmp_path / "frames.xyz", block.text)
    assert read_frames(tmp_path / "frames.xyz")
