"""What the study was expected to cost and what it did cost, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neptuner.report import numbers
from neptuner.report.data import Results


def cost_sentences(results: Results) -> list[str]:
    """Compare predicted with actual cost; empty if nothing was predicted."""
    if results.cost is None:
        return []
    predicted, actual, ratio = (results.cost[key] for key in ("predicted", "actual", "ratio"))
    sentences = [_expected(predicted)]
    if ratio["seconds"] is not None:
        sentences.append(_found(actual, ratio))
    return [" ".join(sentences)]


def _expected(predicted: Mapping[str, Any]) -> str:
    likely, least, most = (predicted[key] for key in ("likely", "least", "most"))
    times = f"{numbers.duration(least['seconds'])} to {numbers.duration(most['seconds'])}"
    md = f" Then {numbers.duration(predicted['md'])} of molecular dynamics." if predicted["md"] is not None else ""
    return (
        f"Cost of the trainings, predicted before the first: {numbers.duration(likely['seconds'])} with "
        f"{predicted['places']} at a time ({times} by what wins), {_megabytes(likely['memory'])} of memory each, "
        f"{_megabytes(likely['disk'])} of disk.{md}"
    )


def _found(actual: Mapping[str, Any], ratio: Mapping[str, float | None]) -> str:
    parts = [f"{numbers.duration(actual['seconds'])} ({ratio['seconds']:.2f} times the prediction)"]
    if ratio["memory"] is not None:
        parts.append(f"{_megabytes(actual['memory'])} of memory ({ratio['memory']:.2f})")
    if ratio["disk"] is not None:
        parts.append(f"{_megabytes(actual['disk'])} of disk ({ratio['disk']:.2f})")
    if ratio["md_seconds"] is not None:
        parts.append(f"{numbers.duration(actual['md_seconds'])} of molecular dynamics ({ratio['md_seconds']:.2f})")
    training = ratio["training"]
    single = f" Steps of single trainings took {training:.2f} times the time predicted." if training else ""
    return f"It took {numbers.listing(parts)}.{single}"


def _megabytes(size: float) -> str:
    return f"{size / 1e6:,.0f} MB"
