"""The funnel page in a real browser and a real Airflow, as a person uses it."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from greenery.local_airflow.environment import USER
from greenery.local_airflow.server import Airflow, running_airflow
from greenery.messages.digest_parts import Links
from greenery.settings import Settings
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.bench.funnel_page import publish

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: install Debian's package chromium")
PAGE = "/greenery/funnel/"
# A busy machine is slow.
expect.set_options(timeout=60_000)
SESSIONS = 4000


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Settings:
    folder = tmp_path_factory.mktemp("funnel")
    publish(folder, SESSIONS)
    return Settings(home=folder, extracts=folder / "extracts")


@pytest.fixture(scope="module")
def airflow(home) -> Iterator[Airflow]:
    with running_airflow(home) as airflow:
        yield airflow


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def context(airflow, browser) -> Iterator[BrowserContext]:
    """A browser without a login. What it asks for from elsewhere, and what its console says, is a failure."""
    context = browser.new_context(
        base_url=airflow.base_url, color_scheme="light", viewport={"width": 1440, "height": 900}
    )
    context.set_default_timeout(60_000)
    problems: list[str] = []
    context.on(
        "request",
        lambda one: problems.append(one.url) if not one.url.startswith((airflow.base_url, "data:", "blob:")) else None,
    )
    context.on("weberror", lambda one: problems.append(str(one.error)))
    context.on("console", lambda one: problems.append(one.text) if "Content Security Policy" in one.text else None)
    yield context
    context.close()
    assert problems == []


@pytest.fixture
def page(context, airflow) -> Page:
    """The page, after the login."""
    page = context.new_page()
    page.goto(PAGE)
    log_in(page, airflow)
    return shown(page)


def log_in(page: Page, airflow: Airflow) -> None:
    page.locator("input[name=username]").fill(USER)
    page.locator("input[name=password]").fill(airflow.password)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{PAGE}**")


def shown(page: Page) -> Page:
    """Wait until all cards show their answers."""
    page.wait_for_selector(".card table")
    expect(page.locator(".card[aria-busy]")).to_have_count(0)
    return page


def table(page: Page, name: str) -> list[list[str]]:
    """Return the texts of a table's body."""
    return (
        page.get_by_role("region", name=name)
        .locator("tbody tr")
        .evaluate_all("rows => rows.map((row) => [...row.cells].map((cell) => cell.innerText))")
    )


def sessions(page: Page) -> int:
    return int(table(page, "Funnel by step")[0][1].replace(",", ""))


def parameters(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_a_link_leads_through_the_login_to_its_view(context, airflow):
    page = context.new_page()
    page.goto(f"{PAGE}?as_of=2025-01-01&period=all&state=State+3&by=weekday")
    log_in(page, airflow)
    shown(page)
    assert parameters(page) == {"as_of": ["2025-01-01"], "period": ["all"], "state": ["State 3"], "by": ["weekday"]}
    expect(page.get_by_text("You see what was known on 1 Jan 2025")).to_be_visible()
    assert len(table(page, "Funnel by weekday")) == 7


def test_a_mover_of_a_digest_leads_to_its_week(page, home):
    digest = Settings(home=home.home, extracts=home.extracts, reports_url=f"{urljoin(page.url, '/')}greenery/reports")
    address = Links(funnel=digest.funnel_of(datetime(2025, 1, 1))).funnel_only("product", "p12")
    page.goto(address)
    shown(page)
    expect(page.get_by_label("First day")).to_have_value("2024-12-25")
    expect(page.get_by_label("Last day")).to_have_value("2024-12-31")
    expect(page.locator("details[data-picker=product] summary")).to_have_text("Plant 12")
    api = "api/funnel?as_of=2025-01-01&from=2024-12-25&to=2025-01-01&product=p12"
    assert sessions(page) == page.request.get(f"{PAGE}{api}").json()["funnel"]["sessions"] > 0


def test_with_the_keyboard_only(page):
    products = page.locator("details[data-picker=product] summary")
    products.focus()
    page.keyboard.press("Enter")
    page.keyboard.type("Plant 12")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.get_by_label("Plant 12", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(products).to_be_focused()
    shown(page)
    assert parameters(page) == {"product": ["p12"]}
    checkout = page.get_by_role("region", name="Funnel by step").get_by_role("button").nth(3)
    checkout.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("heading", name="Sessions that reached")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(checkout).to_be_focused()


def test_filters_combine_and_every_figure_follows(page):
    page.get_by_role("button", name="All", exact=True).click()
    shown(page)
    assert sessions(page) == SESSIONS
    page.locator("details[data-picker=product] summary").click()
    page.get_by_label("Search product").fill("Plant 1")
    assert page.locator("details[data-picker=product] label.choice:visible").count() == 11
    page.get_by_label("Plant 12", exact=True).check()
    expect(page.locator("details[data-picker=product] label.choice:visible")).to_have_count(11)
    page.get_by_label("Plant 13", exact=True).check()
    page.keyboard.press("Escape")
    shown(page)
    with_products = sessions(page)
    assert 0 < with_products < SESSIONS
    assert {row[0] for row in table(page, "Funnel by product")} == {"Plant 12", "Plant 13"}
    page.locator("details[data-picker=country] summary").click()
    page.get_by_label("Country 1", exact=True).check()
    shown(page)
    assert 0 < sessions(page) < with_products
    assert parameters(page) == {"period": ["all"], "product": ["p12", "p13"], "country": ["Country 1"]}
    before = table(page, "Funnel by step"), table(page, "Conversion over time")
    page.reload()
    shown(page)
    assert (table(page, "Funnel by step"), table(page, "Conversion over time")) == before


def test_compare_with_another_selection(page):
    page.get_by_label("Compare with").select_option("Another selection")
    page.locator("details[data-picker=other_state] summary").click()
    page.locator("details[data-picker=other_state]").get_by_label("State 7", exact=True).check()
    shown(page)
    row = table(page, "Funnel by step")[2]
    assert "pp" in row[6]
    expect(page.get_by_text("sessions are in both selections")).to_be_visible()


def test_drill_down_to_a_session_and_its_orders_and_back(page):
    page.get_by_role("region", name="Funnel by step").get_by_role("button").nth(3).click()  # checkout
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Sessions that reached")).to_be_visible()
    first = dialog.locator("tbody tr").first.get_by_role("button")
    session = first.inner_text()
    first.click()
    expect(dialog.get_by_role("heading", name=f"Session {session}")).to_be_visible()
    assert parameters(page)["session"] == [session]
    page.go_back()
    page.goto(f"{PAGE}?session={session}")
    expect(page.get_by_role("heading", name=f"Session {session}")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert "session" not in parameters(page)


def test_orders_that_changed_and_all_their_versions(page):
    page.get_by_role("button", name="Order changes").click()
    rows = page.get_by_role("region", name="List of changed orders").locator("tbody tr")
    expect(rows.first).to_contain_text("preparing → shipped")
    kinds = [row[1] for row in table(page, "List of changed orders")]
    assert kinds == sorted(kinds, key=["Status changed", "Removed", "Returned", "Details changed", "New"].index)
    order = rows.first.get_by_role("button").inner_text()
    page.get_by_role("searchbox", name="Search", exact=True).fill(order)
    rows.first.get_by_role("button").click()
    versions = page.get_by_role("dialog").locator("tbody tr")
    expect(versions).to_have_count(2)
    expect(versions.nth(1).locator("mark").first).to_have_text("shipped")


def test_csv_and_png_hold_what_is_shown(page, tmp_path):
    card = page.locator("section.card", has=page.get_by_role("heading", name="Break down"))
    with page.expect_download() as download:
        card.get_by_role("button", name="CSV").click()
    rows = list(csv.DictReader(saved(download.value, tmp_path).read_text().splitlines()))
    shown_rows = {row[0]: row[1].replace(",", "") for row in table(page, "Funnel by product")}
    assert {row["name"]: row["sessions"] for row in rows} == shown_rows
    card = page.locator("section.card", has=page.get_by_role("heading", name="Funnel", exact=True))
    with page.expect_download() as download:
        card.get_by_role("button", name="PNG").click()
    picture = saved(download.value, tmp_path).read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert int.from_bytes(picture[16:20], "big") > 1000, "its width in pixels"


def saved(download, folder: Path) -> Path:
    path = folder / download.suggested_filename
    download.save_as(path)
    return path


def test_in_airflow_it_follows_the_theme_and_the_address_follows_it(page, airflow):
    page.goto("/plugin/greenery_funnel")
    frame = page.frame_locator("iframe")
    frame.get_by_role("button", name="4 weeks").click()
    page.wait_for_url("**/plugin/greenery_funnel/greenery/funnel/?period=4w")
    expect(frame.locator("html")).to_have_attribute("data-theme", "light")
    page.evaluate("localStorage.setItem('theme', 'dark')")
    expect(frame.locator("html")).to_have_attribute("data-theme", "dark")
    page.evaluate("localStorage.setItem('theme', 'light')")
    expect(frame.locator("html")).to_have_attribute("data-theme", "light")
    page.reload()
    expect(frame.get_by_role("button", name="4 weeks")).to_have_attribute("aria-pressed", "true")


def test_an_expired_session_says_so_and_comes_back(page, context, airflow):
    context.clear_cookies()
    page.get_by_role("button", name="4 weeks").click()
    expect(page.get_by_text("Your session has ended")).to_be_visible()
    page.get_by_role("button", name="Sign in").click()
    log_in(page, airflow)
    shown(page)
    assert parameters(page) == {"period": ["4w"]}


def test_publishing_while_people_click(page, home, tmp_path):
    """The next click shows the new version, and no request fails."""
    page.get_by_role("button", name="All", exact=True).click()
    shown(page)
    publish(tmp_path, 3000)
    (tmp_path / "versions" / "1" / "manifest.json").write_text(json.dumps({"version": 2}))
    shutil.move(tmp_path / "versions" / "1", home.home / "versions" / "2")
    beside = home.home / "next"
    beside.symlink_to(home.home / "versions" / "2")
    beside.rename(home.published)
    try:
        page.get_by_role("button", name="4 weeks").click()
        page.get_by_role("button", name="All", exact=True).click()
        shown(page)
        expect(page.get_by_role("region", name="Funnel by step").locator("tbody tr").first).to_contain_text("3,000")
        expect(page.locator(".notice.critical")).to_have_count(0)
    finally:
        beside.symlink_to(home.home / "versions" / "1")
        beside.rename(home.published)


@pytest.mark.parametrize("view", ["", "?view=orders", "?view=status", "?sessions=all"])
def test_on_a_phone_nothing_is_wider_than_the_screen(page, view):
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(f"{PAGE}{view}")
    shown(page)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    "view", ["", "?as_of=2025-01-01&compare=other", "?view=orders", "?view=status", "?sessions=all"]
)
def test_axe_finds_nothing_serious(page, browser, context, airflow, view, theme):
    # axe is put into the page by a script, which the page's own policy would stop.
    looser = browser.new_context(
        base_url=airflow.base_url, color_scheme=theme, bypass_csp=True, storage_state=context.storage_state()
    )
    other = looser.new_page()
    other.goto(f"{PAGE}{view}")
    shown(other)
    found = Axe().run(other).response["violations"]
    # axe leaves out what stands in pictures.
    unlike = other.locator(".chart svg text").evaluate_all(
        """texts => texts.filter((one) => getComputedStyle(one).fill !== getComputedStyle(document.body).color)
            .map((one) => one.textContent)"""
    )
    looser.close()
    assert unlike == [], "texts of charts in another colour than the page's"
    serious = [
        (one["id"], [node["target"] for node in one["nodes"]][:3])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == []
