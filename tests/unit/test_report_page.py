"""The page of a week, the list of weeks, and the charts."""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from greenery.figures.model import Rate, Summary
from greenery.messages import chart, page, wording
from greenery.messages.templating import THEME_SCRIPT
from greenery.messages.week_state import ListedWeek
from greenery.quality.checks import BY_ID
from greenery.web.funnel.app import PAGE

from tests import javascript
from tests.unit.summaries import (
    AS_OF,
    EMPTY,
    EVERY_SUMMARY,
    FIRST,
    HELD,
    HUGE,
    NORMAL,
    PROVISIONAL,
    UPSIDE_DOWN,
    WEEK,
    ZERO,
    build,
    change,
    check,
    quality,
    week,
)

VOID = {"meta", "link", "img", "br", "hr", "input"}
GREEN = chart.COLORS["package_shipped"]
LINKS = {"summary.json": "summary.json", "order_changes.csv": "order_changes.csv"}


def plain(text):
    """Return text with the typographic signs that look like others written in ASCII."""
    signs = {wording.MINUS: "-", wording.SPACE: " ", wording.NOTHING: "--", "\N{RIGHT SINGLE QUOTATION MARK}": "'"}
    return text.translate(str.maketrans(signs))


WEEKS = [
    ListedWeek(
        as_of="2023-01-25",
        state="admitted",
        reason=None,
        published=True,
        has_page=True,
        restated=True,
        outdated=False,
        next_command=None,
        figures={
            "sessions": 578,
            "conversion": 0.624567,
            "change_pp": 1.4,
            "reading": "within_noise",
            "orders_changed": 18,
            "warnings": 0,
        },
        delivered=["slack 2023-01-25 06:00 UTC"],
        owed=["owed in email: <b>late</b>"],
    ),
    ListedWeek(
        as_of="2023-02-01",
        state="held",
        reason="volume: <b>0</b> rows",
        published=False,
        has_page=False,
        restated=False,
        outdated=False,
        next_command="make backfill FROM=2023-02-01 TO=2023-02-01",
        delivered=[],
        owed=[],
    ),
]


@pytest.fixture(params=EVERY_SUMMARY)
def figures(request):
    return EVERY_SUMMARY[request.param]


class _Page(HTMLParser):
    """What a reader sees, and whether every element is closed."""

    def __init__(self, html):
        super().__init__()
        self.open, self.words, self.attributes = [], [], []
        self.feed(html)
        assert self.open == []

    @property
    def text(self):
        return plain(re.sub(r" ([.,)])", r"\1", re.sub(r"\s+", " ", " ".join(self.words))))

    def handle_starttag(self, tag, attributes):
        self.attributes += [(tag, *attribute) for attribute in attributes]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.attributes += [(tag, *attribute) for attribute in attributes]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open and "svg" not in self.open:
            self.words.append(data.replace("\N{SOFT HYPHEN}", "").strip())


def text_of(figures, results=None, **arguments):
    return _Page(page.render(figures, results, LINKS, **arguments)).text


class TestWeekPage:
    def test_normal_week(self):
        text = text_of(NORMAL, quality(check("orders_unique")))
        for expected in (
            "Greenery weekly · week to 1 Feb 2023",
            "62.5% of sessions checked out (361 of 578), up 1.4 pp on the week before.",
            "Sessions that started from 25 Jan 2023 to 1 Feb 2023, 00:00 UTC",
            "The largest drop-off is between page view and add to cart: 111 sessions, 19.2 pp.",
            "The change since the week before could be chance (p = 0.631, 95% interval -4.2 to +7.0 pp).",
            "Over the last four weeks 60.6% checked out, against 59.5% in the four weeks before (+1.1 pp).",
            "from checkout to shipped: half of the 330 sessions that took both steps needed 2.3 days or",
            "Step and sessions Conversion Step conversion, lost Change Four weeks",
            "Checkout 361 62.5% 58.4--66.3% 77.3% 106 +1.4 pp +1.1 pp",
            "Last four weeks Four weeks before Change Sessions 2,233 2,226",
            "Checkout 60.6% 59.5% +1.1 pp",
            "Add to cart Checkout 4.0 min 355",
            "Sessions 578 560 +18 (+3.2%)",
            "Shipped 58.0% 58.9% -1.0 pp",
            "1 Feb 578 80.8% 62.5% 58.0% 25 Jan 560",
            "What Own conversion Sessions Adds to the total Product Fern +21.7 pp 46.2% → 67.9% 140 from 130 +5.1 pp",
            "18 orders changed since the extract of 25 Jan 2023. 1 order is new.",
            "16 Status changed 1 Removed 1 Returned 0 Details changed 1 New",
            "All changed and new orders, with amounts and products: order_changes.csv preparing → shipped: 2 orders",
            "shipped → delivered: 14 orders order-10",
            "95% of the 120 orders that left 'preparing' did so within 7 days.",
            "order-30 preparing since 20 Jan 2023, 12 days",
            "The 2 stuck orders, longest first",
            "Removed: 1 order order-4",
            "Returned: 1 order order-5",
            "Passed 1 of 1 check passed.",
            "The order is in its status for longer than 95% of the orders that have left it by now.",
            "As of 1 Feb 2023, 00:00 UTC · previous extract as of 25 Jan 2023, 00:00 UTC",
            "summary.json · order_changes.csv",
        ):
            assert expected in text
        assert "*" not in text

    def test_sections_come_in_the_order_of_a_readers_questions(self):
        html = page.render(NORMAL, None, LINKS)
        assert re.findall("<h2>(.*?)</h2>", html) == [
            "Funnel",
            "Is it improving?",
            "Trend",
            "What moved",
            "Order changes",
            "Quality",
            "Definitions",
        ]

    def test_links_are_in_the_footer(self):
        assert ("a", "href", "order_changes.csv") in _Page(page.render(NORMAL, None, LINKS)).attributes
        assert "order_changes.csv" not in page.render(NORMAL, None, {})

    def test_first_week_is_a_baseline(self):
        text = text_of(FIRST)
        assert "62.5% of sessions checked out (361 of 578), with no session the week before to compare with." in text
        assert "This is the first extract, the baseline: changes are counted from the next extract on." in text
        assert "no previous extract" in text
        assert "Removed 0" not in text

    def test_empty_week_says_so_and_shows_all_time(self):
        text = text_of(EMPTY)
        for expected in (
            "No session started this week; of all 578 so far, 62.5% checked out.",
            "Funnel of all sessions so far",
            "Checkout 361 62.5% 58.4--66.3% 77.3% 106 Shipped",
            "No session started this week or the week before.",
            "No session started in the last 12 weeks.",
            "1 order changed since",
        ):
            assert expected in text
        assert "since the week before. *" not in text

    def test_empty_week_after_a_full_one(self):
        text = text_of(build(week(1, 560, 450, 342, 330)))
        assert "Sessions 0 560 -560 (-100.0%)" in text
        assert "Checkout -- 61.1% --" in text

    def test_everything_zero(self):
        text = text_of(ZERO)
        assert "No session is known so far." in text
        assert "There is nothing to show yet." in text
        assert "No session started this week. " in text
        assert "No order changed since the extract of 25 Jan 2023." in text
        assert "Changed orders" not in text

    @pytest.mark.parametrize(
        ("previous_as_of", "expected"),
        [
            (AS_OF - WEEK, "1 order changed since the extract of 25 Jan 2023. "),
            (
                AS_OF - 2 * WEEK,
                "the previous extract is of 18 Jan 2023, 2 weeks earlier. Order changes are since then.",
            ),
            (
                AS_OF - 5 * WEEK,
                "the previous extract is of 28 Dec 2022, 5 weeks earlier. Order changes are since then.",
            ),
        ],
    )
    def test_says_what_it_is_compared_with(self, previous_as_of, expected):
        figures = build(week(0, 10, 8, 5, 5), changes=[change("order-1")], previous_as_of=previous_as_of)
        assert expected in text_of(figures)

    def test_provisional_step_is_marked_and_compared_at_equal_age(self):
        text = text_of(PROVISIONAL)
        for expected in (
            "page view and add to cart: 111 sessions, 19.2 pp. Shipped is left out until the week is complete.",
            "Shipped * 80 13.8% 11.3--16.9% 22.2% 281 -2.2 pp * -0.3 pp *",
            "* Not final: packages are still going out. Its changes count only what had shipped by the end of each",
            "Shipped by week's end 13.8% 16.1% -2.2 pp",
            "This week counts as complete from 1 Mar 2023, or as soon as every checkout has shipped.",
            "The newest complete week, to 18 Jan 2023, has 58.2% shipped (320 of 550).",
            "1 Feb 578 80.8% 62.5% -- 13.8% 25 Jan 560 80.4% 61.1% -- 16.1% 18 Jan 550",
        ):
            assert expected in text

    def test_no_complete_week_yet(self):
        assert "No week is complete yet." in text_of(build(week(0, 10, 8, 5, 2, waiting=3)))

    def test_complete_week_after_a_provisional_one(self):
        figures = build(week(0, 100, 80, 50, 50), week(1, 100, 80, 50, 40, shipped_by_week_end=20, waiting=10))
        text = text_of(figures)
        assert "Shipped by week's end 50.0% 20.0% +30.0 pp" in text
        assert "Shipping of the week before isn't finished, so only shipments before the end of each week" in text
        assert "Shipping isn't finished" not in text

    def test_steps_that_gain_are_not_called_lost(self):
        text = text_of(UPSIDE_DOWN)
        assert "Shipped 7 70.0% 39.7--89.2% 140.0% -2" in text
        assert "between page view and add to cart: 6 sessions, 60.0 pp." in text

    def test_huge_numbers_have_separators(self):
        text = text_of(HUGE)
        assert "66.2% of sessions checked out (6,543,210,987 of 9,876,543,210), up 8.6 pp" in text
        assert "-2,469,135,691 (-20.0%)" in text

    def test_first_100_orders_of_each_kind(self):
        many = [change(f"order-{number:04}") for number in range(1500)]
        text = text_of(build(changes=[*many, change("order-x", "removed", "preparing", None, None)]))
        assert "preparing → shipped: 1,500 orders order-0000" in text
        assert "order-0099 The first 100 of 1,500. order_changes.csv has all. Removed: 1 order order-x" in text
        assert "order-0100" not in text

    def test_all_of_100_orders(self):
        text = text_of(build(changes=[change(f"order-{number:04}") for number in range(100)]))
        assert "The first" not in text
        assert "order-0099" in text

    def test_status_changes_come_first_the_rarest_first_and_new_orders_are_not_listed(self):
        kinds = [
            *[change(f"order-{number}", "new", None, "preparing", None) for number in range(9)],
            change("order-20", "details_changed", "shipped", "shipped", "tracking_id, delivered_at"),
            *[change(f"order-3{number}") for number in range(3)],
            change("order-40", status_from="shipped", status_to="preparing"),
            change("order-50", "removed", "shipped", None, None),
            change("order-60", "returned", None, "shipped", None),
        ]
        text = text_of(build(changes=kinds))
        assert "7 orders changed since the extract of 25 Jan 2023. 9 orders are new." in text
        places = [
            text.index(part)
            for part in (
                "shipped → preparing: 1 order order-40",
                "preparing → shipped: 3 orders order-30",
                "Removed: 1 order order-50",
                "Returned: 1 order order-60",
                "Details changed: 1 order order-20 tracking_id, delivered_at",
            )
        ]
        assert places == sorted(places)
        assert "order-8" not in text

    def test_listed_orders_have_their_amount_and_products(self):
        order = {**change("order-1"), "order_total": 1234.5}
        products = [
            {"order_id": "order-1", "name": "Fern", "quantity": 1},
            {"order_id": "order-1", "name": "Monstera", "quantity": 2},
        ]
        text = text_of(build(changes=[order], order_products=products))
        assert "order-1 1,234.50 · Fern, 2 x Monstera" in text

    def test_the_days_of_all_sessions_are_named_where_the_week_has_none(self):
        days = {"first_started_at": datetime(2021, 2, 9, 23, 59), "last_started_at": datetime(2021, 2, 11)}
        old = {**week(103, 578, 467, 361, 335), **days}
        assert "These sessions started between 9 Feb 2021 and 11 Feb 2021." in text_of(build(old))
        assert "These sessions started" not in text_of(build(old, week(0, 10, 8, 5, 5)))

    def test_is_a_valid_document(self, figures):
        html = page.render(figures, HELD, LINKS)
        parsed = _Page(html)
        assert html.startswith('<!doctype html>\n<html lang="en">')
        assert ("meta", "name", "viewport") in parsed.attributes
        assert re.search("<title>Greenery week to 1 Feb 2023: .+</title>", html)
        ids = [value for _, name, value in parsed.attributes if name == "id"]
        assert len(ids) == len(set(ids))

    def test_charts_say_their_numbers_to_a_screen_reader(self):
        labels = [value for tag, name, value in _Page(page.render(NORMAL, None, {})).attributes if name == "aria-label"]
        assert (
            "Funnel, 578 sessions, week to 1 Feb 2023: page view 578 (100.0%), add to cart 467 (80.8%), "
            "checkout 361 (62.5%), shipped 335 (58.0%)." in labels
        )
        assert any(label.startswith("Conversion by week") and "25 Jan 100.0% / 80.4%" in label for label in labels)


class TestQuality:
    def test_none_yet(self):
        assert "There are no quality results yet." in text_of(NORMAL)

    def test_failed_checks_come_critical_first_with_all_they_know(self):
        text = text_of(NORMAL, HELD, held_because="no events")
        for expected in (
            "Held: no events. This extract is not published.",
            "Held 1 of 3 checks passed. All checks.",
            "Critical 12 ids twice Rule The meaning of sessions_unique. Expected none Check sessions_unique on",
            "on analytics.fct_sessions failed session_id n s-1 2",
            "Warning 0 rows Rule The meaning of volume.",
            "Noticed while loading orders: column gift_wrap is unknown",
        ):
            assert expected in text

    def test_warnings_are_announced_at_the_top(self):
        results = quality(check("volume", False, "warning"), check("orders_unique"))
        assert text_of(NORMAL, results).index("1 quality warning") < text_of(NORMAL, results).index("Funnel")
        assert "quality warning" not in text_of(NORMAL, quality(check("orders_unique")))

    def test_a_week_of_stale_data_has_no_green_badge(self):
        def tags(passed):
            results = quality(check("orders_unique"), check("events_fresh", passed, BY_ID["events_fresh"].severity))
            html = page.render(NORMAL, results, LINKS)
            return re.findall(r'<span class="tag (\w+)">(.*?)</span>', html)

        assert tags(passed=True) == [("good", "Passed")]
        assert tags(passed=False) == [("warning", "Passed with 1 warning")]

    def test_held_week_without_figures(self):
        text = text_of(None, HELD)
        assert "Held: no figures are published for this week." in text
        assert "Held 1 of 3 checks passed." in text
        assert "Funnel" not in text


class TestHostileText:
    MARKUP = "<script>alert(1)</script>"
    QUOTES = "\"'><img src=x onerror=alert(1)>"

    def test_is_escaped_everywhere(self):
        figures = build(changes=[change(self.MARKUP, "status_changed", self.QUOTES, self.MARKUP, self.QUOTES)])
        results = quality(
            check(
                self.QUOTES,
                False,
                relation=self.MARKUP,
                meaning=self.MARKUP,
                observed=self.QUOTES,
                expected=self.MARKUP,
                examples=[{self.MARKUP: self.QUOTES, "null": None}],
            ),
            check("passed", meaning=self.MARKUP, observed=self.QUOTES),
            landing_warnings=[self.MARKUP],
        )
        html = page.render(figures, results, {self.MARKUP: self.QUOTES}, held_because=self.QUOTES)
        assert html.count("<script") == 1  # its own
        assert "<img" not in html
        assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 9
        assert ("td", "data-label", self.MARKUP) in _Page(html).attributes
        assert ("a", "href", self.QUOTES) in _Page(html).attributes

    def test_is_escaped_in_the_list_of_weeks(self):
        html = page.render_index([WEEKS[1].model_copy(update={"reason": self.MARKUP, "next_command": self.QUOTES})])
        assert html.count("<script") == 1  # its own
        assert "<img" not in html

    def test_long_ids_may_break(self):
        html = page.render(build(changes=[change("x" * 500)]), None, {})
        assert f'<span class="id">{"x" * 500}</span>' in html
        assert re.search(r"\.id \{[^}]*overflow-wrap: anywhere", html)


class TestListOfWeeks:
    def test_newest_first_with_state_reason_and_what_to_do(self):
        parsed = _Page(page.render_index(WEEKS))
        assert (
            "1 Feb 2023 held volume: <b>0</b> rows Next: make backfill FROM=2023-02-01 TO=2023-02-01 -- -- -- no no "
            "25 Jan 2023 admitted restated 578 62.5% +1.4 pp, within noise 18 yes slack 2023-01-25 06:00 UTC "
            "owed in email: <b>late</b>"
        ) in parsed.text
        assert [value for tag, name, value in parsed.attributes if (tag, name) == ("a", "href")] == [
            "2023-01-25/index.html"
        ]

    def test_a_week_whose_report_would_differ_now(self):
        text = _Page(
            page.render_index([WEEKS[0].model_copy(update={"outdated": True, "next_command": "make backfill"})])
        ).text
        assert "admitted to be restated The extracts or the maturity setting changed after this report" in text
        assert "Next: make backfill" in text

    def test_a_week_whose_run_is_under_way_or_whose_digest_is_late(self):
        due, began = datetime(2023, 2, 1, 12, tzinfo=UTC), datetime(2023, 2, 1, 6, tzinfo=UTC)
        missing = {"state": "missing", "reason": "no extract found", "next_command": None}
        waits = {"run_since": began, "waits_for": "its extract", "due": due}
        text = _Page(page.render_index([WEEKS[1].model_copy(update=missing | waits)])).text
        assert (
            "1 Feb 2023 waiting late no extract found waiting for its extract since 2023-02-01 06:00 UTC "
            "the digest was due on 2023-02-01 12:00 UTC -- -- -- no"
        ) in text
        text = _Page(page.render_index([WEEKS[0].model_copy(update={"run_since": began})])).text
        assert (
            "25 Jan 2023 admitted running restated running since 2023-02-01 06:00 UTC "
            "578 62.5% +1.4 pp, within noise 18 yes"
        ) in text

    def test_warnings_leave_no_green_badge(self):
        warned = WEEKS[0].model_copy(update={"figures": WEEKS[0].figures.model_copy(update={"warnings": 2})})
        html = page.render_index([warned])
        assert '<span class="tag warning">admitted</span>' in html
        assert "admitted 2 warnings" in _Page(html).text
        assert '<span class="tag good">admitted</span>' in page.render_index([WEEKS[0]])

    def test_no_week_yet(self):
        assert "No week has been landed yet." in _Page(page.render_index([])).text


@pytest.mark.parametrize(
    "html",
    [page.render(PROVISIONAL, HELD, LINKS), page.render(None, HELD, LINKS), page.render_index(WEEKS)],
    ids=["week", "held", "list"],
)
def test_pages_load_nothing(html):
    namespaces = ("http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink")
    without_namespaces = html
    for namespace in namespaces:
        without_namespaces = without_namespaces.replace(f'="{namespace}"', "")
    assert not re.search(r"https?:|//\w|@import|url\(", without_namespaces)
    attributes = _Page(html).attributes
    assert not {tag for tag, _, _ in attributes} & {"link", "img", "iframe", "object", "image", "use"}
    assert not [name for _, name, _ in attributes if name in ("src", "srcset", "data") or name.startswith("on")]
    (policy,) = [value for tag, name, value in attributes if tag == "meta" and "default-src" in value]
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert (
        policy == f"default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; script-src 'sha256-{digest}'"
    )


THEME = """
const root = { style: {}, dataset: {} }, listeners = {};
globalThis.document = { documentElement: root };
globalThis.localStorage = { getItem: (key) => key === "theme" ? values[1] : null };
globalThis.addEventListener = (name, listener) => { listeners[name] = listener; };
globalThis.matchMedia = () => ({ matches: false, addEventListener() {} });
globalThis.window = globalThis;
(0, eval)(values[0]);
const first = root.style.colorScheme ?? root.dataset.theme;
values[1] = "dark";
listeners.storage();
console.log(JSON.stringify([first, root.style.colorScheme ?? root.dataset.theme]));
"""


@pytest.mark.parametrize(
    ("chosen", "scheme"), [("dark", "dark"), ("light", "light"), ("system", ""), (None, "")], ids=str
)
def test_pages_follow_the_colours_that_are_chosen_in_airflow(chosen, scheme):
    """They read the same key as the funnel page, at once and after a change, and have two of each colour."""
    assert json.loads(javascript.run(THEME, THEME_SCRIPT, chosen)) == [scheme, "dark"]
    funnel = (PAGE / "theme.js").read_text()
    assert json.loads(javascript.run(THEME, funnel, chosen)) == [scheme or "light", "dark"]
    for html in (page.render(PROVISIONAL, HELD, LINKS), page.render_index(WEEKS)):
        assert f"<script>{THEME_SCRIPT}</script>" in html
        root, rest = re.search(r"<style>\s*:root \{(.*?)\}(.*?)</style>", html, re.DOTALL).groups()
        assert "color-scheme: light dark;" in root
        colors = re.findall(r"--\w+: (.*?);", root)
        assert len(colors) == 8
        assert all(re.fullmatch(r"light-dark\((#\w+), (?!\1\))#\w+\)", color) for color in colors)
        assert not re.search(r"#[0-9a-f]{3,6}\b", rest)


class TestCharts:
    def test_png_is_a_picture_of_both(self):
        picture = chart.to_png(chart.report_spec(PROVISIONAL))
        assert picture.startswith(b"\x89PNG\r\n")
        assert len(chart.report_spec(PROVISIONAL)["vconcat"]) == 2
        assert picture == chart.to_png(chart.report_spec(PROVISIONAL))
        assert picture != chart.to_png(chart.report_spec(NORMAL))

    def test_picture_without_recent_sessions_is_the_funnel_alone(self):
        assert len(chart.report_spec(EMPTY)["vconcat"]) == 1
        assert chart.to_png(chart.report_spec(ZERO)).startswith(b"\x89PNG\r\n")

    def test_png_is_scaled(self):
        def width(scale):
            return int.from_bytes(chart.to_png(chart.funnel_spec(NORMAL), scale)[16:20])

        assert (width(1), width(2)) == (360, 720)

    def test_funnel_shows_count_share_and_loss(self):
        assert [text for text, _ in _labels(chart.funnel_spec(PROVISIONAL))] == [
            "Page view",
            "Add to cart",
            "Checkout",
            "Shipped",
            "578 · 100.0%",
            "467 · 80.8%",
            "361 · 62.5%",
            "80 · 13.8%",
            "no session lost",
            "-111 sessions (-19.2 pp)",
            "-106 sessions (-18.3 pp)",
            "-281 sessions (-48.6 pp) so far, provisional",
        ]

    def test_funnel_of_an_empty_week_is_that_of_all_time(self):
        assert "361 · 62.5%" in dict(_labels(chart.funnel_spec(EMPTY)))

    def test_provisional_bar_is_dashed(self):
        assert "stroke-dasharray" in chart.to_svg(chart.funnel_spec(PROVISIONAL))
        assert "stroke-dasharray" not in chart.to_svg(chart.funnel_spec(NORMAL))

    def test_each_step_has_a_panel_and_page_view_only_if_it_is_not_100_percent(self):
        def titles(figures):
            texts = [text for text, _ in _labels(chart.trend_spec(figures))]
            return [text for text in texts if re.match("Page|Add|Checkout|Shipped", text)]

        assert titles(NORMAL) == ["Add to cart", "Checkout", "Shipped"]
        assert titles(PROVISIONAL) == [
            "Add to cart",
            "Checkout",
            "Shipped, complete weeks",
            "Shipped by each week's own end",
        ]
        lossy = build({**week(0, 100, 80, 60, 50), "page_view": 90})
        assert titles(lossy)[0] == "Page view"

    def test_panels_have_the_same_scale_around_their_own_figures(self):
        domains = [
            layer["encoding"]["y"]["scale"]["domain"]
            for panel in chart.trend_spec(NORMAL)["vconcat"]
            for layer in panel["layer"][-1:]
        ]
        assert domains == [[0.75, 0.85], [0.55, 0.65], [0.5, 0.6]]
        for panel in chart.trend_spec(UPSIDE_DOWN)["vconcat"]:
            low, high = panel["layer"][-1]["encoding"]["y"]["scale"]["domain"]
            assert 0 <= low < high <= 1
            shares = [point["share"] for point in panel["layer"][-1]["data"]["values"] if point["share"] is not None]
            assert low <= min(shares) <= max(shares) <= high

    def test_provisional_weeks_are_compared_at_equal_age_by_hollow_points_on_a_dashed_line(self):
        def count(figures):
            shipped = [element for element in _svg(chart.trend_spec(figures)).iter() if element.get("stroke") == GREEN]
            hollow = [element for element in shipped if element.tag.endswith("path") and not element.get("fill")]
            dashed = [element for element in shipped if element.get("stroke-dasharray") == "4,3"]
            solid = [element for element in shipped if element.tag.endswith("line") and element not in dashed]
            return len(hollow), len(dashed), len(solid)

        # Eight weeks at equal age, of which the six complete ones have their final figures too.
        assert count(PROVISIONAL) == (8, 7, 5)
        assert count(NORMAL) == (0, 0, 11)

    def test_grey_lines_are_four_weeks_together(self):
        def levels(figures):
            return [panel["layer"][2]["data"]["values"] for panel in chart.trend_spec(figures)["vconcat"]]

        before, now = levels(NORMAL)[1]
        assert (before["day"], before["next"], now["day"], now["next"]) == ("14 Dec", "4 Jan", "11 Jan", "1 Feb")
        checkout = NORMAL.four_weeks.steps.checkout
        assert (before["share"], now["share"]) == (checkout.conversion_before, checkout.conversion)
        # Shipped is compared at equal age: in that panel alone.
        assert [len(lines) for lines in levels(PROVISIONAL)] == [2, 2, 0, 2]

    def test_the_key_says_what_is_drawn(self):
        shared = "Shaded: this week. One point is equally high in every panel."
        assert " ".join(chart.trend_key(UPSIDE_DOWN)) == shared
        levels = "Grey lines: the last four weeks together, and the four weeks before."
        assert " ".join(chart.trend_key(NORMAL)) == f"{shared} {levels}"

    def test_alt_text_has_the_provisional_weeks_at_equal_age(self):
        text = plain(chart.trend_spec(PROVISIONAL)["description"])
        assert "1 Feb 100.0% / 80.8% / 62.5% / provisional." in text
        assert "Shipped by each week's own end: " in text
        assert text.endswith("25 Jan 16.1%; 1 Feb 13.8%.")

    def test_a_week_without_sessions_is_a_gap(self):
        shipped = [element for element in _svg(chart.trend_spec(UPSIDE_DOWN)).iter() if element.get("stroke") == GREEN]
        # Three points and one line between the last two.
        assert [element.tag.rpartition("}")[2] for element in shipped].count("line") == 1
        assert len(shipped) == 4

    def test_reports_week_is_marked(self):
        svg = _svg(chart.trend_spec(PROVISIONAL))
        bold = [element.text or "" for element in svg.iter() if element.get("font-weight") == "bold"]
        assert [text for text in bold if re.match(r"\d+ \w+$", text)] == ["1 Feb"]

    def test_page_charts_are_as_wide_as_a_phone(self, figures):
        for spec in _page_charts(figures):
            assert float(_svg(spec).get("width")) <= chart.WIDTH

    def test_text_takes_the_colour_of_the_page(self, figures):
        for spec in _page_charts(figures):
            svg = _svg(spec)
            assert {element.get("fill") for element in svg.iter() if element.tag.endswith("text")} == {"currentColor"}
            assert spec["background"] is None

    def test_labels_are_whole_and_apart(self, figures):
        for spec in (*_page_charts(figures), chart.report_spec(figures)):
            _, _, width, height = map(float, _svg(spec).get("viewBox").split())
            boxes = _labels(spec)
            for text, (left, top, right, bottom) in boxes:
                assert left >= -1, text
                assert top >= -1, text
                assert right <= width + 1, text
                assert bottom <= height + 1, text
            for index, (text, box) in enumerate(boxes):
                for other, another in boxes[index + 1 :]:
                    apart = box[2] <= another[0] or another[2] <= box[0] or box[3] <= another[1] or another[3] <= box[1]
                    assert apart, (text, other)


def _page_charts(figures):
    return [chart.funnel_spec(figures), *([chart.trend_spec(figures)] if chart.has_trend(figures) else [])]


def _svg(spec):
    return ElementTree.fromstring(chart.to_svg(spec))  # noqa: S314 the text is our own


def _labels(spec):
    """Return each text of a chart with its box (left, top, right, bottom), in points, on the wide side."""
    found = []

    def walk(element, x, y):
        for dx, dy in re.findall(r"translate\(([-\d.]+),([-\d.]+)\)", element.get("transform", "")):
            x, y = x + float(dx), y + float(dy)
        if element.tag.endswith("text") and element.text:
            size = float(element.get("font-size").removesuffix("px"))
            width = len(element.text) * size * 0.54
            left = x - width * {"start": 0, "middle": 0.5, "end": 1}[element.get("text-anchor")]
            found.append((plain(element.text), (left, y - size * 0.75, left + width, y + size * 0.2)))
        for child in element:
            walk(child, x, y)

    walk(_svg(spec), 0, 0)
    return found


def test_same_figures_give_the_same_bytes_in_another_process():
    script = (
        "import json, sys; from greenery.messages import page; from greenery.figures.model import Summary; "
        "from greenery.messages.check_results import CheckResults; figures, results = json.load(sys.stdin); "
        "html = page.render(Summary.model_validate(figures), CheckResults.model_validate(results), {}); "
        "sys.stdout.buffer.write(html.encode())"
    )
    other = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps([PROVISIONAL.document(), HELD.document()]).encode(),
        env={**os.environ, "PYTHONPATH": str(Path(page.__file__).parents[2]), "PYTHONHASHSEED": "7"},
        capture_output=True,
        check=True,
    )
    page.render(HUGE, None, {})
    assert other.stdout.decode() == page.render(PROVISIONAL, HELD, {})


class TestWording:
    @pytest.mark.parametrize(
        ("change_pp", "expected"),
        [
            (1.4, "up 1.4 pp on the week before"),
            (-0.3, "down 0.3 pp on the week before"),
            (0.0, "level with the week before"),
            (0.04, "level with the week before"),
            (-0.04, "level with the week before"),
            (0.06, "up 0.1 pp on the week before"),
            (None, "with no session the week before to compare with"),
        ],
    )
    def test_headline(self, change_pp, expected):
        figures = NORMAL.document()
        figures["change"]["steps"]["checkout"]["conversion_pp"] = change_pp
        assert (
            plain(wording.headline(Summary.model_validate(figures)))
            == f"62.5% of sessions checked out (361 of 578), {expected}"
        )

    def test_no_drop_off(self):
        assert wording.drop_off(build(week(0, 5, 5, 5, 5))) == "No step has fewer sessions than the step before."

    @pytest.mark.parametrize(
        ("written", "expected"),
        [
            (wording.count(1234567), "1,234,567"),
            (wording.count(1, "session"), "1 session"),
            (wording.count(0, "session"), "0 sessions"),
            (wording.signed(1234), "+1,234"),
            (wording.signed(-5), f"{wording.MINUS}5"),
            (wording.signed(0), "0"),
            (wording.percent(0.6246), "62.5%"),
            (wording.percent(12.5), "1,250.0%"),
            (wording.percent(None), "\N{EN DASH}"),
            (wording.signed_percent(-0.069), f"{wording.MINUS}6.9%"),
            (wording.signed_percent(-0.0001), "0.0%"),
            (wording.points(1.44), "+1.4 pp"),
            (wording.points(-0.04), "0.0 pp"),
            (wording.points(-10.0), f"{wording.MINUS}10.0 pp"),
            (wording.points(None), "\N{EN DASH}"),
            (
                wording.lost(Rate(conversion=0.9, step_conversion=0.9, lost=1, lost_pp=10.0)),
                f"{wording.MINUS}1 session ({wording.MINUS}10.0 pp)",
            ),
            (wording.lost(Rate(conversion=1.2, step_conversion=1.2, lost=-2, lost_pp=-20.0)), "+2 sessions (+20.0 pp)"),
            (wording.points_between([-2.0, 4.84]), f"{wording.MINUS}2.0 to +4.8 pp"),
            (wording.percent_between([0.58, 0.6612]), f"58.0{wording.NOTHING}66.1%"),
            (wording.percent_between(None), wording.NOTHING),
            (wording.p_value_text(0.0412), "p = 0.041"),
            (wording.p_value_text(0.0004), "p < 0.001"),
            (wording.duration(45), "45 s"),
            (wording.duration(140), "2.3 min"),
            (wording.duration(18_000), "5.0 h"),
            (wording.duration(200_000), "2.3 days"),
            (wording.duration(None), wording.NOTHING),
            (wording.days(1234.56), "1,235 days"),
            (wording.days(6.5), "7 days"),
            (wording.days(1.2), "1 day"),
            (wording.days(0.4), "less than a day"),
            (wording.date("2023-02-01T00:00:00+00:00"), "1 Feb 2023"),
        ],
    )
    def test_figures(self, written, expected):
        assert written.replace(wording.SPACE, " ") == expected
