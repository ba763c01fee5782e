"""What a user may have meant: commands and options that are not known, and words to choose from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from typer import BadParameter
from typer.core import TyperGroup

USAGE_ERROR: Any = BadParameter.__base__  # what every wrong command line raises; its module moved between versions

WORDS = "neptuner.words"
"""Where the command and all words after it are kept."""

_COMMAND_OF_SUFFIX = {".toml": "study"}
_COMMAND_OF_FILE = {"nep.in": "train", "train.xyz": "train", "run.in": "md", "model.xyz": "md"}


def words(*choices: str) -> Callable[[str], list[str]]:
    """Complete an option in the shell with one of some words."""

    def complete(incomplete: str) -> list[str]:
        return [choice for choice in choices if choice.startswith(incomplete)]

    return complete


class Commands(TyperGroup):
    """The table of commands, which answers a wrong one with the right one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the options before the command."""
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except USAGE_ERROR as error:
            if option := _no_option(error):
                _say(error, _before_the_command(option, given, self.commands))
            raise

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command."""
        if not ctx.resilient_parsing and args[0] not in self.commands and not args[0].startswith("-"):
            ctx.fail(unknown_command(args[0], self.commands))
        ctx.meta[WORDS] = args
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except USAGE_ERROR as error:
            if option := _no_option(error):
                given = ctx.meta[WORDS]
                _say(error, unknown_option(option, given, _options(self.commands[given[0]]), self.commands))
            raise


def unknown_command(name: str, commands: Iterable[str]) -> str:
    """Sentence for a command that does not exist."""
    path, known = Path(name), list(commands)
    if meant := _COMMAND_OF_FILE.get(path.name) or _COMMAND_OF_SUFFIX.get(path.suffix):
        target = name if meant == "study" else path.parent
        return f"There is no command `{name}`; did you mean `neptuner {meant} {target}`?"
    if near := get_close_matches(name.lower(), known, n=1):
        return f"There is no command `{name}`; did you mean `{near[0]}`?"
    return f"There is no command `{name}`; the commands are {_listed(known)}."


def unknown_option(option: str, given: Sequence[str], own: Sequence[str], commands: Mapping[str, Any]) -> str:
    """Sentence for an option that a command does not have.

    Parameters
    ----------
    option
        As it was read: the first letter only of one written with a single dash.
    given
        The command and all words after it.
    own
        Options of the command.
    commands
        Every command by its name.
    """
    command, written = given[0], _written(option, given)
    long = "--" + written.lstrip("-").replace("_", "-").lower()
    if near := get_close_matches(long[2:], [name[2:] for name in own], n=1):
        return f"`neptuner {command}` has no option `{written}`; did you mean `--{near[0]}`?"
    others = [f"`neptuner {name}`" for name, other in commands.items() if long in _options(other)]
    has = f"; {', '.join(others)} {'has' if len(others) == 1 else 'have'} it" if others else ""
    return f"`neptuner {command}` has no option `{written}`{has or f'; it has {_listed(own)}'}."


def _before_the_command(option: str, given: Sequence[str], commands: Mapping[str, Any]) -> str:
    command = next((word for word in given if word in commands), None)
    if command and option in _options(commands[command]):
        return f"`{option}` belongs after the command: `neptuner {command} {option}`."
    owners = [f"`neptuner {name} {option}`" for name, other in commands.items() if option in _options(other)]
    if owners:
        return f"`{option}` belongs after a command: {', '.join(owners)}."
    return f"There is no option `{option}` before the command; `neptuner --help` lists commands and options."


def _written(option: str, given: Sequence[str]) -> str:
    """An option as the user wrote it; ``-steps`` is read as ``-s``."""
    if option.startswith("--"):
        return option
    word = next((word for word in given if word.startswith(option) and not word.startswith("--")), option)
    return word.partition("=")[0]


def _options(command: Any) -> list[str]:
    return [name for parameter in command.params for name in parameter.opts if name.startswith("--")]


def _listed(options: Sequence[str]) -> str:
    return f"{', '.join(options[:-1])} and {options[-1]}" if len(options) > 1 else "".join(options)


def _no_option(error: Any) -> str | None:
    """The option that does not exist; None if something else is wrong."""
    return getattr(error, "option_name", None) if hasattr(error, "possibilities") else None


def _say(error: Any, sentence: str) -> None:
    error.message, error.possibilities = sentence, None
