"""Every keyword that nep.in has or had, in one table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from math import isfinite
from typing import Literal

from neptuner.errors import InputError

Value = int | float | str
"""One value of a keyword."""

Status = Literal["used", "ignored", "unsupported"]
Kind = Literal["int", "float", "word"]

UNBOUNDED = 10**9
"""Number of values of a keyword whose upper limit depends on ``type``."""


@dataclass(frozen=True)
class Keyword:
    """What one keyword may be followed by, and what we do with it."""

    name: str
    status: Status
    kind: Kind
    count: tuple[int, int]
    """Fewest and most values."""
    low: float | None
    high: float | None
    default: tuple[Value, ...] | None
    """Value when absent (None: there is none); an unsupported keyword is accepted with this value."""
    doc: str


def _table(*keywords: Keyword) -> dict[str, Keyword]:
    return {keyword.name: keyword for keyword in keywords}


# fmt: off
KEYWORDS: dict[str, Keyword] = _table(
    Keyword("type", "used", "word", (1, 94), None, None, None, "number of elements, then their symbols"),
    Keyword("version", "used", "int", (1, 1), 3, 4, (4,), "3: one network for all elements, 4: one for each"),
    Keyword("cutoff", "used", "float", (2, UNBOUNDED), 0, 100, (8.0, 4.0),
            "radial and angular cutoff in angstrom, once or for each element"),
    Keyword("n_max", "used", "int", (2, 2), 0, 19, (6, 6), "radial and angular functions, less one"),
    Keyword("basis_size", "used", "int", (2, 2), 0, 19, (6, 6), "basis functions of each, less one"),
    Keyword("l_max", "used", "int", (1, 7), None, None, (4, 1, 0, 0, 0, 0, 0),
            "largest l (2 to 8), then flags q222 q1111 q112 q123 q233 q134"),
    Keyword("neuron", "used", "int", (1, 3), 0, 200, (30,), "neurons of one or two hidden layers"),
    Keyword("lambda_1", "used", "float", (1, 1), 0, None, None, "weight of the L1 norm of the parameters"),
    Keyword("lambda_2", "used", "float", (1, 1), 0, None, None, "weight of the L2 norm of the parameters"),
    Keyword("lambda_e", "used", "float", (1, 1), 0, None, (1.0,), "weight of the energy error"),
    Keyword("lambda_f", "used", "float", (1, 1), 0, None, (1.0,), "weight of the force error"),
    Keyword("lambda_v", "used", "float", (1, 1), 0, None, (0.1,), "weight of the virial error"),
    Keyword("lambda_shear", "used", "float", (1, 1), 0, None, (1.0,), "extra weight of shear virials"),
    Keyword("force_delta", "used", "float", (1, 1), 0, None, (0.0,),
            "in eV/angstrom; forces far above it weigh less, 0 is off"),
    Keyword("type_weight", "used", "float", (1, 94), 0, None, None, "force weight of each element"),
    Keyword("batch", "used", "int", (1, 2), 0, None, (1000, 0), "frames a step"),
    Keyword("generation", "used", "int", (1, 1), 0, 10_000_000, (100_000,), "steps"),
    Keyword("output_interval", "used", "int", (1, 1), 1, None, (100,), "steps between two rows of loss.out"),

    Keyword("population", "ignored", "int", (1, 1), 10, 200, (50,), "population of the evolution strategy"),
    Keyword("sigma0", "ignored", "float", (1, 1), 0.01, 0.1, (0.1,), "first step of the evolution strategy"),
    Keyword("initial_para", "ignored", "float", (1, 1), 0.1, 1, (1.0,), "parameters when scaling"),
    Keyword("save_potential", "ignored", "int", (1, 3), 0, None, (100_000, 1, 0), "copies of the model"),
    Keyword("lambda_q", "ignored", "float", (1, 1), 0, None, (0.1,), "charge error of charge_mode"),
    Keyword("lambda_z", "ignored", "float", (1, 1), 0, None, (0.5,), "Born charge error of charge_mode"),

    Keyword("model_type", "unsupported", "int", (1, 1), 0, 3, (0,), "models of other things than energies"),
    Keyword("mode", "unsupported", "int", (1, 1), 0, 3, (0,), "old name of model_type"),
    Keyword("prediction", "unsupported", "int", (1, 1), 0, 1, (0,), "use `neptuner predict`"),
    Keyword("zbl", "unsupported", "float", (1, 1), 0, 4, None, "screened nuclear repulsion"),
    Keyword("use_typewise_cutoff", "unsupported", "float", (0, 2), 0, None, None, "cutoffs by radius"),
    Keyword("use_typewise_cutoff_zbl", "unsupported", "float", (0, 1), 0, None, None, "cutoffs by radius"),
    Keyword("charge_mode", "unsupported", "int", (1, 2), 0, 2, (0,), "models with charges"),
    Keyword("has_charge", "unsupported", "int", (1, 2), 0, 2, (0,), "old name of charge_mode"),
    Keyword("vdw", "unsupported", "int", (1, 1), 0, 1, (0,), "models with dispersion"),
    Keyword("charge_vdw", "unsupported", "int", (1, 1), 0, 1, (0,), "models with charges and dispersion"),
    Keyword("atomic_v", "unsupported", "int", (1, 1), 0, 1, (0,), "atomic dipoles or polarizabilities"),
    Keyword("fine_tune", "unsupported", "word", (2, 3), None, None, None, "start from a foundation model"),
    Keyword("import_q_scaler", "unsupported", "int", (1, 1), 0, 1, (0,), "descriptor scaling from nep.txt"),
    Keyword("q_scaler", "unsupported", "int", (1, 1), 0, 1, (0,), "old name of import_q_scaler"),
    Keyword("output_descriptor", "unsupported", "int", (1, 1), 0, 2, (0,), "descriptors in prediction mode"),
)
# fmt: on
"""All keywords of GPUMD 3 to 5; ranges are the widest that any version allows."""

_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_PLAIN_INTEGER = re.compile(r"[+-]?(0|[1-9]\d*)", re.ASCII)
_REAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def find_keyword(name: str) -> Keyword:
    """The keyword of that name; InputError with the nearest known name otherwise."""
    if name in KEYWORDS:
        return KEYWORDS[name]
    near = get_close_matches(name.lower(), KEYWORDS, n=1)
    used = ", ".join(keyword.name for keyword in KEYWORDS.values() if keyword.status == "used")
    hint = f"did you mean `{near[0]}`?" if near else f"expected one of {used}"
    raise InputError(f"`{name}` is not a keyword of nep.in; {hint}")


def convert(keyword: Keyword, tokens: Sequence[str]) -> tuple[Value, ...]:
    """Values of a keyword from the words after it.

    Raises
    ------
    InputError
        If their number, kind or range is wrong, or the keyword is not supported with these values.
    """
    _check_count(keyword, tokens)
    values = tuple(_convert_one(keyword, token) for token in tokens)
    if keyword.status == "unsupported" and not _is_default(keyword, values):
        written = " ".join([keyword.name, *tokens])
        reason = f"not supported here ({keyword.doc})"
        raise InputError(f"`{written}` is valid in GPUMD but {reason}; delete the line")
    return values


def format_number(value: Value) -> str:
    """Shortest text that gives the same value back; whole floats without ``.0``."""
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def _check_count(keyword: Keyword, tokens: Sequence[str]) -> None:
    low, high = keyword.count
    if low <= len(tokens) <= high:
        return
    expected = str(low) if low == high else f"at least {low}" if high == UNBOUNDED else f"{low} to {high}"
    raise InputError(f"`{keyword.name}` has {len(tokens)} value(s), expected {expected}: {keyword.doc}")


def _convert_one(keyword: Keyword, token: str) -> Value:
    if keyword.kind == "word":
        return token
    value = _integer(keyword, token) if keyword.kind == "int" else _real(keyword, token)
    too_low = keyword.low is not None and value < keyword.low
    if too_low or (keyword.high is not None and value > keyword.high):
        raise InputError(f"`{keyword.name}` has the value {token}, expected {_range(keyword)}")
    return value


def _integer(keyword: Keyword, token: str) -> int:
    if _PLAIN_INTEGER.fullmatch(token):
        return int(token)
    if _INTEGER.fullmatch(token):
        raise InputError(f"`{keyword.name}` has the value {token}, which GPUMD reads as octal; drop the leading zeros")
    raise InputError(f"`{keyword.name}` has the value {token}, expected a whole number such as 50")


def _real(keyword: Keyword, token: str) -> float:
    if _REAL.fullmatch(token) and isfinite(value := float(token)):
        return value
    raise InputError(f"`{keyword.name}` has the value {token}, expected a finite number such as 0.5")


def _range(keyword: Keyword) -> str:
    if keyword.low is None or keyword.high is None:
        return f"at least {keyword.low:g}" if keyword.low is not None else f"at most {keyword.high:g}"
    return f"{keyword.low:g} to {keyword.high:g}"


def _is_default(keyword: Keyword, values: Sequence[Value]) -> bool:
    return keyword.default is not None and tuple(values[: len(keyword.default)]) == keyword.default
