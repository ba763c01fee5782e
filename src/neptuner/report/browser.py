"""A page as PDF, printed by a browser that the machine has."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from neptuner.errors import InputError
from neptuner.files.atomic import write_bytes
from neptuner.machine import find_browser

PATIENCE = 120.0
"""Seconds that printing may take."""


def print_page(page: Path, pdf: Path) -> None:
    """Print an HTML page into a PDF file, atomically.

    Raises
    ------
    InputError
        There is no browser, or it cannot print the page.
    """
    browser = find_browser()
    if browser is None:
        raise InputError(
            f"cannot be printed as {pdf.name}: there is no Chromium, Chrome or Edge on PATH; install one, or print "
            "the page from any browser",
            path=page,
        )
    with TemporaryDirectory(prefix="neptuner-print-") as folder:
        printed = Path(folder) / "page.pdf"
        _run(browser, page, printed, Path(folder) / "profile")
        write_bytes(pdf, printed.read_bytes())


def _run(browser: str, page: Path, pdf: Path, profile: Path) -> None:
    # Chromium refuses its sandbox to root, which is whom a container runs as.
    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    command = [
        browser, "--headless", "--disable-gpu", f"--user-data-dir={profile}", "--no-first-run", *sandbox,
        "--no-pdf-header-footer", f"--print-to-pdf={pdf}", page.resolve().as_uri(),
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"cannot be printed by {browser} ({error})", path=page) from error
    if not pdf.is_file():
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise InputError(f"cannot be printed by {browser} ({last})", path=page)
