"""What the page says of the weights: what is dead, what is worth most, and what could be pruned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neptuner.report import numbers
from neptuner.report.data import Results
from neptuner.report.gallery import Drawing
from neptuner.report.tables import Cell, Row, Table
from neptuner.report.weights_data import ModelWeights, Weights, weights_of
from neptuner.report.weights_figures import NAME


def weights_section(results: Results, drawings: Mapping[str, Drawing]) -> dict[str, Any] | None:
    """Everything the templates show; None where there are no models or no frames to look at them with."""
    found = weights_of(results)
    if found is None:
        return None
    return {
        "sentences": _sentences(found),
        "table": parts_table(found),
        "sizes": sizes_table(found),
        "drawing": drawings.get(NAME),
    }


def parts_table(found: Weights) -> Table:
    """Tabulate parameters, dead neurons, unused basis functions, and the descriptors worth most and least."""
    header = (
        Cell("Model", "first replicate"), Cell("Parameters"), Cell("Dead neurons", "of all networks"),
        Cell("Unused basis functions", "radial; angular"), Cell("Worth most", "growth of the force error without it"),
        Cell("Worth least", "the same"),
    )  # fmt: skip
    rows = tuple(_parts_row(model, best=model is found.models[-1]) for model in found.models)
    return Table(header, rows, "lrrrll")


def sizes_table(found: Weights) -> Table:
    """Tabulate each size of nep.in beside the least that would do."""
    columns = [
        Cell(title, f"{model.title}; {detail}")
        for model in found.models
        for title, detail in (("Now", ""), ("Within 1 %", "of every error"), ("Within 5 %", "of every error"))
    ]
    header = (Cell("Size"), *(Cell(c.text, c.detail.removesuffix("; ")) for c in columns))
    sizes = [{row["part"]: row for row in model.analysis["sizes"]} for model in found.models]
    parts = list(dict.fromkeys(part for rows in sizes for part in rows))
    rows = tuple(Row((Cell(part), *(cell for mine in sizes for cell in _size_cells(mine.get(part))))) for part in parts)
    return Table(header, rows, "l" + "r" * len(columns))


def _parts_row(model: ModelWeights, *, best: bool) -> Row:
    neurons, components = model.analysis["neurons"], model.analysis["components"]
    dead, every = sum(row["dead"] for row in neurons), sum(len(row["influence"]) for row in neurons)
    unused = "; ".join(f"{row['unused']} of {len(row['size'])}" for row in model.analysis["basis"])
    ends = [pick(components, key=lambda row: row["growth"]) for pick in (max, min)]
    cells = (
        Cell(model.title), Cell(numbers.count(model.parameters)), Cell(f"{dead} of {every}"), Cell(unused),
        *(Cell(f"{row['kind']}, n = {row['n']}", numbers.percent(row["growth"])) for row in ends),
    )  # fmt: skip
    return Row(cells, best)


def _size_cells(row: Mapping[str, Any] | None) -> Sequence[Cell]:
    if row is None:
        return [Cell(numbers.NOTHING)] * 3
    return [Cell(str(row["now"])), *(Cell(str(row["least"][limit])) for limit in ("1", "5"))]


def _sentences(found: Weights) -> list[str]:
    model = found.models[-1]
    less = [
        f"{row['part']} {row['least']['1']} in place of {row['now']}"
        for row in model.analysis["sizes"]
        if row["least"]["1"] < row["now"]
    ]
    could = (
        f"could do with {numbers.listing(less)}, each alone, without any error over {found.frames} growing by more "
        "than 1 %"
        if less
        else f"needs all of its sizes: one less of any costs more than 1 % of an error over {found.frames}"
    )
    atoms = numbers.count(model.analysis["atoms"])
    return [
        f"A neuron is called dead if what it gives to the site energies varies by less than 0.1 meV over {atoms} atoms "
        f"of the {found.split} frames, a basis function unused if its coefficients are a thousandth of the largest.",
        f"{model.title} {could}.",
        f"To take out what together stays within a tolerance: neptuner prune {model.path} data/train.xyz --tolerance 1 "
        "--out small.txt",
    ]
