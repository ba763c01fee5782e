"""The tutorial, carried out to the letter: every command in turn, in a folder that has the examples.

What it leaves is also what the lists of keys in the manual are compared with.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from manual_pages import DOCS, ROOT, Command, blocks, commands

import neptuner
from manual_keys import listed
from neptuner.engines.conductivity import conductivity
from neptuner.study.status import read_status

TUTORIAL = DOCS / "tutorial" / "ten-minutes.md"
STEPS = [command for block in blocks(TUTORIAL) if block.language in ("bash", "console") for command in commands(block)]
MARK = "@@@ step"
NUMBER = r"[-+\u2212]?\d[\d,]*(?:\.\d+)?"


def environment(folder: Path) -> dict[str, str]:
    """Variables of a shell that finds ``neptuner`` and ``python`` as a user who installed them does."""
    programs = folder / "bin"
    programs.mkdir()
    for name, arguments in (("neptuner", "-m neptuner"), ("python", "")):
        path = programs / name
        path.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
        path.chmod(0o755)
    return os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "COLUMNS": "100"}


@dataclass(frozen=True)
class Done:
    """The tutorial after it was carried out."""

    folder: Path
    printed: list[str]
    """By every step."""


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Carry it out; the steps share one shell, so that `cd` lasts."""
    folder = tmp_path_factory.mktemp("tutorial")
    for name in ("j14", "kappa"):
        ignored = shutil.ignore_patterns("study*", "nep.txt")
        shutil.copytree(ROOT / "examples" / name, folder / "examples" / name, ignore=ignored)
    script = "set -e\n" + "".join(f"echo '{MARK}'\n{step.text}\n" for step in STEPS)
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment(folder), text=True, timeout=1200,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    parts = done.stdout.split(f"{MARK}\n")[1:]
    assert done.returncode == 0, f"{STEPS[len(parts) - 1].text}\n{parts[-1]}"
    return Done(folder / "first-study", parts)


def pattern(line: str) -> re.Pattern[str]:
    """A line of the page with any numbers in place of its own, any spaces, and anything at ``...``."""
    words = re.split(rf"(\.\.\.|{NUMBER}|\s+)", line.strip())
    kinds = ((r"\.\.\.", ".*"), (NUMBER, NUMBER), (r"\s+", r"\s+"))
    return re.compile(
        "".join(next((to for what, to in kinds if re.fullmatch(what, word)), re.escape(word)) for word in words)
    )


def unmatched(expected: tuple[str, ...], output: str) -> str | None:
    """The first line of the page that the output has not, in the page's order; None if it has all."""
    lines = iter(output.splitlines())
    for line in expected:
        if line.strip() in ("", "..."):
            continue
        wanted = pattern(line)
        if not any(wanted.search(one.strip()) for one in lines):
            return line
    return None


@pytest.mark.parametrize("number", range(len(STEPS)), ids=lambda n: STEPS[n].text.split("\n")[0][:40])
def test_it_prints_what_the_page_says(tutorial: Done, number: int) -> None:
    step: Command = STEPS[number]
    missing = unmatched(step.expected, tutorial.printed[number])
    assert missing is None, f"{step.block.place}: not printed: {missing}\n{tutorial.printed[number]}"


def test_outputs_are_compared_loosely_but_compared() -> None:
    output = "RMSE  frames\ntrain   270  2.3\nnep.txt: step 200 of 200, 3.0 s\n"
    assert unmatched(("...", "train  270  9.9", "nep.txt: step 1 of 1, ..."), output) is None
    assert unmatched(("test  270  9.9",), output) == "test  270  9.9"
    assert unmatched(("nep.txt: ...", "train 270 2.3"), output) == "train 270 2.3"


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def test_the_manual_lists_the_keys_of_files(tutorial: Done) -> None:
    folder = tutorial.folder
    assert read(folder / "train.json").keys() == listed("train.json")
    assert read(folder / "heat" / "md.json").keys() == listed("md.json")
    assert read(folder / "study" / "results.json").keys() == listed("Top level", "results.md")


def test_the_manual_lists_the_keys_of_a_study(tutorial: Done) -> None:
    results = read(tutorial.folder / "study" / "results.json")
    assert results["trials"][0].keys() == listed("A run", "results.md")
    assert results["baseline"].keys() == listed("A configuration (one setting, all its replicates)", "results.md")
    assert results["sweep"][0].keys() == listed("A parameter of the sweep", "results.md")
    assert results["statistics"].keys() == listed("Statistics (`statistics`)", "results.md")
    assert results["cost"].keys() == listed("Cost (`cost`)", "results.md")


def test_the_manual_lists_the_keys_of_outputs(tutorial: Done) -> None:
    folder = tutorial.folder
    errors = neptuner.predict(folder / "nep.txt", folder / "test.xyz", threads=1)
    assert errors.keys() == listed("predict --json")
    assert conductivity([folder / "heat"]).to_dict().keys() == listed("kappa --json")
    assert read_status(folder / "study").keys() == listed("status --json")


COMMANDS = {
    "study study.toml --dry-run": ("study --dry-run --json", "reference/json.md"),
    "convert nep.txt again.txt": ("convert --json", "reference/json.md"),
    "prune nep.txt": ("Fields of the object", "prune.md"),
    "speed nep.txt heat/model.xyz --steps 5 --repeats 2 --threads 1": (
        "Speed: `neptuner speed NEP.txt MODEL.xyz`",
        "models.md",
    ),
}


def printed(folder: Path, arguments: str) -> dict[str, Any]:
    """JSON that a command prints."""
    command = [sys.executable, "-m", "neptuner", *arguments.split(), "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("arguments", COMMANDS)
def test_the_manual_lists_the_keys_of_commands(tutorial: Done, arguments: str) -> None:
    assert printed(tutorial.folder, arguments).keys() == listed(*COMMANDS[arguments])


def test_the_manual_lists_the_keys_of_an_audit(tutorial: Done) -> None:
    found = printed(tutorial.folder, "check train.xyz test.xyz")
    assert found.keys() == listed("Fields of the object", "check.md")
    assert all(finding.keys() <= listed("A finding", "check.md") for finding in found["findings"])
    assert found["sets"]["train.xyz"].keys() == listed("What a file holds", "check.md")
    assert found["suggestion"].keys() == listed("The suggestion", "check.md")


def test_the_manual_lists_the_keys_of_what_doctor_finds(tutorial: Done) -> None:
    found = printed(tutorial.folder, "doctor")
    assert found.keys() == {"schema", "findings"}
    assert all(finding.keys() == listed("doctor --json") for finding in found["findings"])
