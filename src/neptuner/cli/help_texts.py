"""What ``--help`` says of each command besides its options: one line in the list, and examples that a test parses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict


@dataclass(frozen=True)
class HelpText:
    """Help of one command."""

    summary: str
    """In the list of commands; short enough for one line of a narrow terminal."""
    examples: tuple[tuple[str, str], ...]
    """Command lines, and what each does."""


class Arguments(TypedDict):
    """Arguments of ``typer.Typer.command``."""

    short_help: str
    epilog: str


HELP: dict[str, HelpText] = {
    "init": HelpText(
        "Write a commented study.toml for the frames of a folder.",
        (
            ("neptuner init", "write study.toml, and nep.in if there is none, for train.xyz here"),
            ("neptuner init ~/frames", "the same for another folder"),
        ),
    ),
    "check": HelpText(
        "Audit a data set: errors, warnings, leakage, statistics.",
        (
            ("neptuner check train.xyz test.xyz", "errors and warnings of both, and what one tells about the other"),
            ("neptuner check train.xyz --suggest nep.in", "write a nep.in to begin with, with its reasons"),
        ),
    ),
    "train": HelpText(
        "Train a potential like GPUMD's nep.",
        (
            ("neptuner train", "nep.in, train.xyz and test.xyz of this folder"),
            ("neptuner train run1 --time-limit 600 --resume", "ten minutes at most; go on if it was begun before"),
            ("neptuner train run1 --start ../old/nep.txt", "begin with an existing model"),
        ),
    ),
    "predict": HelpText(
        "Compare a potential with the labels of a data set.",
        (
            ("neptuner predict nep.txt test.xyz", "errors by quantity, and the worst frames"),
            ("neptuner predict nep.txt test.xyz --out parity --json", "also GPUMD's *_test.out, and JSON for scripts"),
        ),
    ),
    "prune": HelpText(
        "Find what a potential does not need, and remove it.",
        (
            ("neptuner prune nep.txt test.xyz", "what the weights are worth, and what could go"),
            ("neptuner prune nep.txt test.xyz --out small.txt", "write the smaller model"),
        ),
    ),
    "convert": HelpText(
        "Write a potential as NEP4, or reorder its species.",
        (
            ("neptuner convert nep3.txt nep4.txt", "the same function in the format that current GPUMD reads"),
            ('neptuner convert nep.txt sorted.txt --order "O Mg"', "with the species in this order"),
        ),
    ),
    "speed": HelpText(
        "Time a potential in molecular dynamics.",
        (
            ("neptuner speed nep.txt model.xyz", "atom-steps per second of molecular dynamics"),
            ("neptuner speed nep.txt model.xyz --replicate 4 4 4 --threads 1", "of 64 copies, on one processor"),
        ),
    ),
    "md": HelpText(
        "Run molecular dynamics like GPUMD's gpumd.",
        (
            ("neptuner md", "run.in, model.xyz and the potential of this folder"),
            ("neptuner md run1 --resume", "go on where a simulation was stopped"),
        ),
    ),
    "kappa": HelpText(
        "Thermal conductivity with error bars from runs.",
        (
            ("neptuner kappa run1 run2 run3", "one conductivity from three runs of the same system"),
            ("neptuner kappa runs --json", "every run below a folder, as JSON"),
        ),
    ),
    "study": HelpText(
        "Run a study, or go on with it: from sweep to verdict.",
        (
            ("neptuner study study.toml --dry-run", "check everything; what it would train, and what that costs"),
            ("neptuner study study.toml --jobs 4", "run it, or go on with it, four trainings at a time"),
        ),
    ),
    "status": HelpText(
        "Tell where a study stands.",
        (
            ("neptuner status study", "what is done, running and failed"),
            ("neptuner status study --json", "the same for a script"),
        ),
    ),
    "view": HelpText(
        "Watch a study in the browser while it runs.",
        (
            ("neptuner view study --open", "open the live page"),
            ("neptuner view study --port 9000", "serve it at http://127.0.0.1:9000"),
        ),
    ),
    "report": HelpText(
        "Write the report of a study, finished or not.",
        (("neptuner report study", "write report.html and report.md of what there is so far"),),
    ),
    "doctor": HelpText(
        "Tell what is installed, what is missing, how to mend it.",
        (
            ("neptuner doctor", "versions, processors, compiled kernels, GPUMD, Slurm, disk"),
            ("neptuner doctor --json", "the same to put into a bug report"),
        ),
    ),
}

FIRST_STEPS = """\
\b
First steps:
  neptuner doctor                      is everything here?
  neptuner init                        write study.toml for train.xyz
  neptuner study study.toml --dry-run  what it would train, what that costs
  neptuner COMMAND --help              options and examples of a command
"""  # \b: lines stay as they are


def help_of(command: str) -> Arguments:
    """Line in the list of commands, and the text below the help of the command itself."""
    text = HELP[command]
    examples = (f"  {line}\n      {meaning}" for line, meaning in text.examples)
    return {"short_help": text.summary, "epilog": "\b\nExamples:\n" + "\n".join(examples)}
