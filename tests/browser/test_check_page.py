"""The page of an audit in a browser: charts, colours, sorting, and nothing that leaves the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from headless import WIDTHS, Browser

from checked_data import write_flawed
from neptuner.audit.audit import audit
from neptuner.report.check_page import write_check_page


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audit")
    write_check_page(audit(*write_flawed(folder)), folder / "page.html")
    return folder / "page.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_chart_is_drawn_without_error_or_request(browser: Browser, page: Path, width: int, scheme: str) -> None:
    browser.open(page, width, scheme=scheme)
    browser.draw_all()
    drawn = browser.run(
        "return [...document.querySelectorAll('figure[data-chart]')].map((f) => "
        "[f.dataset.chart, f.querySelector('.chart .main-svg') !== null, f.querySelector('.chart').clientWidth, "
        "f.querySelectorAll('.chart .trace').length])"
    )
    assert [name for name, *_ in drawn] == [
        "compositions", "energy-by-set", "descriptors-by-set", "forces", "neighbours"
    ]  # fmt: skip
    assert all(there and 250 < wide <= width and traces > 1 for _, there, wide, traces in drawn), drawn
    assert browser.run("return document.documentElement.scrollWidth") <= width
    assert browser.said() == []
    assert [url for url in browser.requests() if not url.startswith(("data:", "blob:"))] == [page.as_uri()]


@pytest.mark.parametrize("width", WIDTHS)
def test_colours_change_between_sets_and_types(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width)
    browser.draw_all()
    names = (
        "return [...document.querySelectorAll('figure')].filter((f) => f.dataset.chart.startsWith('descriptors'))"
        "[0].querySelector('.chart').data.map((trace) => trace.name)"
    )
    other = names.replace("descriptors", "energy")
    assert browser.run(names)[:2] == ["training", "test"]
    browser.find("input[name=descriptors][value=type]").click()
    assert browser.run(names)[:2] == ["hot", "cool"]
    assert browser.run(other)[:2] == ["training", "test"]
    browser.find("input[name=descriptors][value=set]").click()
    assert browser.run(names)[:2] == ["training", "test"]
    assert browser.said() == []


def test_findings_sort_by_severity_and_frames(browser: Browser, page: Path) -> None:
    browser.open(page)
    column = "return [...document.querySelector('#found').tBodies[0].rows].map((r) => r.cells[arguments[0]].innerText)"
    click = "document.querySelector('#found').tHead.rows[0].cells[arguments[0]].firstChild.click()"
    before = browser.run(column, 0)
    assert before == sorted(before, key=["error", "warning", "note"].index)
    browser.run(click, 0)
    browser.run(click, 0)
    assert browser.run(column, 0) == sorted(before, key=["note", "warning", "error"].index)
    browser.run(click, 3)
    numbers = [int(text) for text in browser.run(column, 3)]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) > 2


@pytest.mark.parametrize("width", WIDTHS)
def test_elements_sort_at_every_width(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width)
    column = (
        "return [...document.querySelectorAll('#data ~ .wide table')[1].tBodies[0].rows]"
        ".map((row) => Number(row.cells[1].innerText))"
    )
    before = browser.run(column)
    assert len(before) == 4
    browser.run("document.querySelectorAll('#data ~ .wide table')[1].tHead.rows[0].cells[1].firstChild.click()")
    assert browser.run(column) == sorted(before)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_rest_of_a_group_opens_with_a_click(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width)
    row = "[...document.querySelectorAll('#found tbody tr')].find((r) => r.innerText.includes('net-force'))"
    hidden = f"return [...{row}.querySelectorAll('details li')].filter((one) => one.checkVisibility()).length"
    assert browser.run(hidden) == 0
    assert browser.run(f"return {row}.querySelector('details summary').innerText") == "2 more"
    browser.run(f"{row}.querySelector('details summary').click()")
    assert browser.run(hidden) == 2


def test_a_point_says_which_frame_it_is(browser: Browser, page: Path) -> None:
    from selenium.webdriver import ActionChains

    browser.open(page)
    browser.draw_all()
    figure = browser.find("figure[data-chart=energy-by-set]")
    browser.run("arguments[0].scrollIntoView({block: 'center'})", figure)
    ActionChains(browser.driver).move_to_element(figure.find_element("css selector", ".point")).perform()
    hover = "return document.querySelector('figure[data-chart=energy-by-set] .hoverlayer')?.textContent"
    text = browser.wait(hover)
    assert "frame " in text
    assert " atoms" in text


def test_paper_has_the_charts(browser: Browser, page: Path) -> None:
    browser.open(page, scheme="dark")
    assert len(browser.driver.execute_cdp_cmd("Page.printToPDF", {})["data"]) > 50_000
    browser.wait("return document.querySelectorAll('figure.drawn .main-svg').length > 4")
    assert browser.said() == []
