"""The ``neptuner`` command: each sub-command a few lines, heavy imports inside."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper


def main() -> None:
    """Run the command line; errors of the user end with one sentence and exit code 2."""
    # kernels bring their own threads: those of a linear-algebra library would only get in their way
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="replace")  # names of files that the terminal's encoding lacks
    from neptuner.cli.app import app
    from neptuner.errors import NeptunerError

    try:
        app()
    except NeptunerError as error:
        print(f"neptuner: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except OSError as error:  # a full disk, a folder that may not be written to
        print(f"neptuner: {error.filename or 'input or output'}: {error.strerror or error}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("neptuner: interrupted", file=sys.stderr)
        raise SystemExit(3) from None
