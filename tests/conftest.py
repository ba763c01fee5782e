"""Fixtures shared by every test."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
SHARED_DATA = TESTS.parents[1] / "shared" / "data"

LONG = (
    "kernels/test_precision.py",  # fills the cache of kernels, while the next ones need none
    "browser/test_report_page.py",
    "report/test_report_files.py",
    "report/test_report_md.py",
    "docs/test_tutorial.py",
    "cli/test_study_end_to_end.py",
    "kernels/test_engine.py",
    "kernels/test_evaluator.py",
    "engines/test_gpumd_training.py",
    "kernels/test_training_sweeps.py",
    "study/test_study_run.py",
    "study/test_study_faults.py",
)
"""Files that take longest come first, so that no processor waits for another at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.path.relative_to(TESTS).as_posix(), len(LONG)))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of third-party reference data; tests that need it are skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("reference data (../shared/data) are not present beside this checkout")
    return SHARED_DATA
