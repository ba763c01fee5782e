"""The job that measures the speed of a model: ``python -m ...measure_speed NEP MODEL OUTPUT THREADS``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from neptuner.engines.speed import SpeedSettings, speed
from neptuner.errors import NeptunerError
from neptuner.files.atomic import write_text


def main(words: list[str]) -> int:
    """Measure as ``neptuner speed`` does and write what it found; return the exit code."""
    nep, structure, output, threads = words
    try:
        found = speed(nep, structure, SpeedSettings(threads=int(threads)))
    except NeptunerError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    write_text(Path(output), json.dumps(found, indent=1) + "\n")
    print(f"{found['atom_steps_per_s']:,.0f} atom-steps/s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
