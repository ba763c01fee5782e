"""A headless Chromium for pages; tests are skipped where there is none."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from headless import Browser

# The synthetic studies of the report are pages to look at, too.
sys.path.append(str(Path(__file__).parents[1] / "report"))


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser for the whole session."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    program, server = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if program is None or server is None:
        pytest.skip("needs chromium and chromedriver on PATH")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    profile = tmp_path_factory.mktemp("profile")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"):
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={profile}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(server))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
