"""A page in a headless browser: open it, run scripts in it, hear what it says and asks for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WIDTHS = (1280, 390)
"""A desk and a telephone, in CSS pixels."""


DRAW_ALL = """
for (const figure of document.querySelectorAll("figure[data-chart]:not(.drawn)")) {
  figure.scrollIntoView(); return false;
}
return true;
"""
"""Scrolls to a chart that is not drawn yet; true when all are."""


@dataclass
class Browser:
    """A page in a browser, with what it said and asked for."""

    driver: Any

    def open(self, address: str | Path, width: int = 1280, height: int = 900, scheme: str = "light") -> None:
        """Open a page as a window of a size in CSS pixels shows it."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        self.driver.get("about:blank")
        self.said()
        self.requests()
        self.driver.get(address.as_uri() if isinstance(address, Path) else address)

    def run(self, script: str, *arguments: Any) -> Any:
        """Run JavaScript in the page and return what it returns."""
        return self.driver.execute_script(script, *arguments)

    def wait(self, script: str, seconds: float = 30.0) -> Any:
        """Wait until JavaScript returns something that is true, and return that."""
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, seconds).until(lambda _: self.run(script), f"never true: {script}")

    def draw_all(self) -> None:
        """Have every chart drawn, which they are when they come near the window."""
        self.wait(DRAW_ALL)

    def find(self, selector: str) -> Any:
        """Return the first element of a CSS selector."""
        return self.driver.find_element("css selector", selector)

    def said(self) -> list[str]:
        """Return what the console has held since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Return the addresses that were asked for since the last call."""
        messages = (json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance"))
        return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
