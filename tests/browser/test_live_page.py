"""The live page in a real browser: it draws, follows the study, sorts, and asks nobody but its server."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from live_study import RunningStudy
from neptuner.live.server import LiveServer
from neptuner.live.state import LiveStudy
from neptuner.study.store import open_store

PATIENCE = 30
"""Seconds that the page has for anything."""


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    """Headless Chromium that keeps a log of its console and of what it asks for."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    paths = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in paths:
        pytest.skip("chromium or chromedriver is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = paths[0]
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(paths[1]))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudy]:
    study = RunningStudy(tmp_path_factory.mktemp("live") / "study")
    study.grow(study.running[0], 6)
    with open_store(study.folder):
        yield study


@pytest.fixture
def server(study: RunningStudy) -> Iterator[LiveServer]:
    with serving(LiveServer(LiveStudy(study.folder), 0)) as server:
        yield server


class serving:  # noqa: N801 - reads like a function
    """Serves in a thread of its own."""

    def __init__(self, server: LiveServer) -> None:
        self.server = server
        self.thread = threading.Thread(target=server.serve_forever, args=(0.05,))

    def __enter__(self) -> LiveServer:
        self.thread.start()
        return self.server

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def open_page(driver: Any, server: LiveServer, width: int = 1280) -> None:
    """Show the page in a window of a width, and wait until there are numbers."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.get(server.address)
    wait(driver, lambda: driver.find_elements("css selector", "#trials tbody tr"))
    wait(driver, lambda: driver.find_elements("css selector", "figure.drawn .scatterlayer path.js-line"))


def wait(driver: Any, condition: Callable[[], Any]) -> Any:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, f"waited in vain; the page says {text(driver, 'pulse')!r}"
        time.sleep(0.1)
    return found


def asked_for(driver: Any) -> list[str]:
    """Addresses that the page has asked for since the last time."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    sent = [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]
    return [url for url in sent if not url.startswith(("data:", "blob:"))]


def column(driver: Any, number: int) -> list[str]:
    """Texts of a column of the trainings."""
    script = (
        "return [...document.querySelectorAll('#trials tbody tr')].map((row) => row.cells[arguments[0]].textContent)"
    )
    return driver.execute_script(script, number)


def losses_shown(driver: Any) -> list[float]:
    """Losses of the trainings that have one."""
    return [float(loss) for loss in column(driver, 6) if loss[0].isdigit()]


def line(driver: Any, name: str) -> list[float]:
    """Steps of a line of the chart."""
    script = """const lines = document.querySelector('figure .chart').data;
    return lines.find((one) => one.name.startsWith(arguments[0]))?.x ?? []"""
    return driver.execute_script(script, name)


def text(driver: Any, name: str) -> str:
    return driver.find_element("id", name).text


@pytest.mark.parametrize("width", [1280, 390])
def test_it_draws_without_complaint_or_request_elsewhere(driver: Any, server: LiveServer, study, width: int) -> None:
    driver.get_log("browser"), asked_for(driver)
    open_page(driver, server, width)
    assert driver.get_log("browser") == []
    assert {url.partition("?")[0] for url in asked_for(driver)} == {server.address, f"{server.address}state.json"}
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    assert text(driver, "pulse").startswith("running, phase extended")
    assert text(driver, "name") == "pbte"
    assert "12 of 18" in text(driver, "tiles")
    assert len(line(driver, study.running[0])) == 6  # five rows and the gap
    assert {"baseline", study.running[0]} <= set(
        driver.execute_script("return document.querySelector('figure .chart').data.map((one) => one.name)")
    )
    assert driver.find_element("css selector", "#verdict .lead").text
    assert len(driver.find_elements("css selector", "#summary table tbody tr")) >= 4


def test_it_follows_the_study_and_keeps_order_and_place(driver: Any, server: LiveServer, study: RunningStudy) -> None:
    open_page(driver, server)
    header = driver.find_element("css selector", "#loss-header button")
    header.click()
    losses = losses_shown(driver)
    assert losses == sorted(losses)
    assert len(losses) > 10
    header.click()
    losses = losses_shown(driver)
    assert losses == sorted(losses, reverse=True)
    driver.execute_script("window.scrollTo(0, 500)")
    before = len(line(driver, study.running[0]))
    study.grow(study.running[0], 3)
    wait(driver, lambda: len(line(driver, study.running[0])) == before + 3)
    losses = losses_shown(driver)
    assert losses == sorted(losses, reverse=True)
    assert driver.execute_script("return window.scrollY") == 500


def test_a_failed_training_tells_why(driver: Any, server: LiveServer, study: RunningStudy) -> None:
    open_page(driver, server)
    search = driver.find_element("id", "filter")
    search.send_keys("failed")
    rows = [row for row in driver.find_elements("css selector", "#trials tbody tr") if row.is_displayed()]
    assert [row.text.split()[0] for row in rows] == study.failed
    assert text(driver, "count") == "2 of 18"
    rows[0].click()
    wait(driver, lambda: "a line of the log" in text(driver, "log"))
    assert text(driver, "chosen-name") == study.failed[0]
    assert text(driver, "chosen-error") == "train.xyz, frame 3: the lattice is singular"


def test_a_click_on_a_line_chooses_its_training(driver: Any, server: LiveServer, study: RunningStudy) -> None:
    open_page(driver, server)
    chart = driver.find_element("css selector", "figure .chart")
    driver.execute_script("arguments[0].scrollIntoView({ block: 'center' })", chart)
    x, y = driver.execute_script(
        """const chart = arguments[0], { xaxis, yaxis } = chart._fullLayout, box = chart.getBoundingClientRect();
        const one = chart.data.find((line) => line.name === arguments[1]), last = one.x.length - 2;
        return [xaxis._offset + xaxis.d2p(one.x[last]) - box.width / 2,
                yaxis._offset + yaxis.d2p(one.y[last]) - box.height / 2];""",
        chart,
        study.running[0],
    )
    actions = pytest.importorskip("selenium.webdriver").ActionChains(driver)
    actions.move_to_element_with_offset(chart, round(x), round(y)).pause(0.5).click().perform()
    wait(driver, lambda: text(driver, "chosen-name"))
    assert text(driver, "chosen-name") in [trial["id"] for trial in study.results["trials"]]
    assert line(driver, f"chosen: {text(driver, 'chosen-name')}")


def test_it_says_when_the_server_is_gone_and_comes_back(driver: Any, study: RunningStudy) -> None:
    with serving(LiveServer(LiveStudy(study.folder), 0)) as server:
        open_page(driver, server)
        port = server.server_address[1]
    wait(driver, lambda: "not reachable" in text(driver, "pulse"))
    assert len(column(driver, 0)) == len(study.results["trials"])  # what was known stays in sight
    with serving(LiveServer(LiveStudy(study.folder), port)):
        wait(driver, lambda: text(driver, "pulse").startswith("running"))
        study.results["trials"][-1]["state"] = "failed"
        study.results["trials"][-1]["error"] = "the machine went away"
        study.write()
        wait(driver, lambda: column(driver, 3).count("failed") == 3)
        assert len(column(driver, 0)) == len(study.results["trials"])


def test_dark_and_print(driver: Any, server: LiveServer) -> None:
    open_page(driver, server)
    light = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    feature = {"name": "prefers-color-scheme", "value": "dark"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    assert driver.execute_script("return getComputedStyle(document.body).backgroundColor") != light
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert len(driver.execute_cdp_cmd("Page.printToPDF", {})["data"]) > 10_000


def test_a_finished_study_is_shown_too(driver: Any, tmp_path: Path) -> None:
    study = RunningStudy(tmp_path / "study")
    study.results["finished"] = True
    study.results["trials"] = study.results["trials"][:-4]
    study.write()
    with serving(LiveServer(LiveStudy(study.folder), 0)) as server:
        open_page(driver, server)
        wait(driver, lambda: text(driver, "pulse").startswith("finished"))
        assert driver.find_element("css selector", "#verdict .lead").text.startswith(
            ("The combined", "Not settled", "No diff")
        )
