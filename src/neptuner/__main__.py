"""``python -m neptuner`` is the ``neptuner`` command."""

from neptuner.cli import main

main()
