"""One line of ``run.in``: its keyword, its words, and what they must be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from neptuner.errors import InputError
from neptuner.files.script import Group

_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_PLAIN_INTEGER = re.compile(r"[+-]?(0|[1-9]\d*)", re.ASCII)
_REAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class Line:
    """A keyword with its words; every method raises InputError with the place of the line."""

    keyword: str
    words: tuple[str, ...]
    number: int
    """Counted from 1."""
    path: Path | None = None

    def error(self, message: str) -> InputError:
        """An error in this line, which is quoted."""
        return self.plain_error(f"`{' '.join((self.keyword, *self.words))}`: {message}")

    def plain_error(self, message: str) -> InputError:
        """An error in this line."""
        return InputError(message, path=self.path, line=self.number)

    def check_count(self, counts: tuple[int, ...], usage: str) -> None:
        """Check the number of words; ``usage`` says how the keyword is written."""
        if len(self.words) not in counts:
            expected = " or ".join(map(str, counts))
            raise self.error(f"has {len(self.words)} word(s) after the keyword, expected {expected}: `{usage}`")

    def integer(self, index: int, name: str, low: int | None = None, high: int | None = None) -> int:
        """A whole number within limits; ``name`` says what it is."""
        word = self.words[index]
        if not _PLAIN_INTEGER.fullmatch(word):
            octal = ", which GPUMD reads as octal; drop the leading zeros" if _INTEGER.fullmatch(word) else ""
            raise self.error(f"the {name} is {word}{octal or ', expected a whole number'}")
        value = int(word)
        if (low is not None and value < low) or (high is not None and value > high):
            expected = f"at least {low}" if high is None else f"{low} to {high}"
            raise self.error(f"the {name} is {word}, expected {expected}")
        return value

    def real(self, index: int, name: str, *, above: float | None = None, low: float | None = None) -> float:
        """A finite number, greater than ``above`` or not less than ``low``."""
        word = self.words[index]
        if not _REAL.fullmatch(word) or not isfinite(value := float(word)):
            raise self.error(f"the {name} is {word}, expected a number")
        if above is not None and value <= above:
            raise self.error(f"the {name} is {word}, expected more than {above:g}")
        if low is not None and value < low:
            raise self.error(f"the {name} is {word}, expected at least {low:g}")
        return value

    def reals(self, first: int, count: int, name: str, *, above: float | None = None) -> tuple[float, ...]:
        """Several finite numbers in a row."""
        return tuple(self.real(index, name, above=above) for index in range(first, first + count))

    def group(self, first: int, lowest_label: int = 0) -> Group:
        """``group METHOD LABEL``, beginning at a word."""
        if self.words[first] != "group" or len(self.words) < first + 3:
            raise self.error(f"found `{self.words[first]}`, expected `group METHOD LABEL`")
        return Group(
            self.integer(first + 1, "grouping method", 0), self.integer(first + 2, "group label", lowest_label)
        )

    def are_integers(self, first: int, last: int) -> bool:
        """Whether there are such words and all are whole numbers."""
        words = self.words[first : last + 1]
        return len(words) == last + 1 - first and all(_INTEGER.fullmatch(word) for word in words)
