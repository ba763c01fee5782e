"""What is done with keywords that were meant for GPUMD."""

from __future__ import annotations

from models import random_frame
from neptuner.files.nep_in import parse_nep_in
from neptuner.training.defaults import DEFAULT_STEPS, TIMED_STEPS, default_batch, default_steps, remarks, resolve


def test_keywords_meant_for_snes_do_not_make_hours() -> None:
    snes = parse_nep_in("type 2 Mg O\ngeneration 100000\npopulation 50\n")
    assert default_steps(snes) == DEFAULT_STEPS
    said = remarks(snes, DEFAULT_STEPS)
    assert "100000" in said[0]
    assert any(sentence.startswith("population") for sentence in said)
    assert default_steps(parse_nep_in("type 2 Mg O\ngeneration 700\n")) == 700
    assert default_steps(parse_nep_in("type 2 Mg O\ngeneration 700\n"), timed=True) == 700
    assert default_steps(snes, timed=True) == TIMED_STEPS


def test_default_batch_holds_about_800_atoms() -> None:
    frames = [random_frame(n_atoms=8)] * 300
    assert default_batch(frames) == 100
    assert default_batch(frames[:5]) == 5
    assert resolve(parse_nep_in("type 2 Mg O\n"), frames).batch == 100
    assert resolve(parse_nep_in("type 2 Mg O\nbatch 7\n"), frames).batch == 7


def test_snes_takes_its_generations() -> None:
    assert default_steps(parse_nep_in("type 2 Mg O\ngeneration 100000\n"), snes=True) == 100_000
