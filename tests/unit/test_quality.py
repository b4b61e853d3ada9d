"""Each check passes on what is right and fails, at its severity and with its rows named, on what is not."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import duckdb
import numpy as np
import pytest
import sqlfluff
from greenery.messages import page
from greenery.messages.alert import Run
from greenery.messages.check_results import CheckResults
from greenery.quality import findings, history, verdict
from greenery.quality.checks import BY_ID, CHECKS, REMEDIES, advice
from greenery.quality.findings import KEYS, PERSONAL, Finding, count, of_rows, shown, surely
from greenery.quality.suites import suites, validate
from greenery.settings import REPOSITORY, Settings
from greenery.warehouse.duckdb import SQL, statement

from tests import alerting

GOOD = {
    check.id: Finding(1.0 if check.limit.kind == "value" and check.limit.at_least else 0.0, 9, 0, "")
    for check in CHECKS
}


def bad(check) -> Finding:
    """Return what a check finds where it has to fail, just past its limit."""
    if check.limit.kind == "rows":
        return of_rows(check, 9, 1, [{"key": "k1"}])
    if check.limit.kind == "share":
        return of_rows(check, 10_000, int(10_000 * (check.limit.at_most + 0.05)), [{"key": "k1"}])
    limit = check.limit
    value = limit.at_most * 1.01 if limit.at_most is not None else limit.at_least * 0.99
    return Finding(value, 1, 1, "sessions: 1, expected 100", [{"what": "sessions"}])


def test_what_is_right_passes():
    passed = validate(GOOD)
    assert set(passed) == {check.id for check in CHECKS}
    assert all(passed.values())


def test_every_check_fails_past_its_limit_and_says_so():
    checks = {check["check"]: check for check in verdict.judged({check.id: bad(check) for check in CHECKS})}
    assert [id for id, check in checks.items() if check["passed"]] == []
    for check in CHECKS:
        found = checks[check.id]
        assert (found["severity"], found["owner"], found["relation"]) == (check.severity, check.owner, check.relation)
        assert found["runbook"] == f"docs/runbook.md#{check.id}"
        assert found["failing_rows"] >= 1 or check.limit.kind == "value"
        assert found["examples"]


def test_a_reading_below_its_limit_fails_too():
    lows = {
        check.id: Finding(check.limit.at_least - 0.01 * abs(check.limit.at_least), 1, 1, "")
        for check in CHECKS
        if check.limit.at_least is not None
    }
    passed = validate({**GOOD, **lows})
    assert {id for id in passed if not passed[id]} == set(lows)


@pytest.mark.parametrize("rows", [4, 10_000])
def test_a_share_within_chance_passes(rows):
    # One row more than the limit lets expect, or all that it allows.
    shares = {
        check.id: of_rows(check, rows, max(1, int(rows * check.limit.at_most)), [])
        for check in CHECKS
        if check.limit.kind == "share"
    }
    assert all(validate({**GOOD, **shares}).values())


def test_a_share_is_what_chance_can_not_explain():
    assert surely(0, 5) == 0
    assert surely(14, 14) > 0.5 > surely(13, 13)
    assert 0.27 < surely(400, 1000) < 0.4


@pytest.mark.parametrize("frame", KEYS)
def test_rows_that_fail_are_counted_and_a_few_are_named(frame):
    checks = [check for check in CHECKS if check.frame == frame]
    assert checks
    keys, flags = KEYS[frame], sorted({check.column for check in checks})
    with duckdb.connect() as connection:
        values = ", ".join(
            [f"'{key} ' || number as {key}" for key in keys] + [f"number < 6 as {flag}" for flag in flags]
        )
        nothing = ", ".join(["null"] * len(keys) + ["null::boolean"] * len(flags))
        connection.execute(
            f"create table quality_rows as select {values} from range(20) as numbers (number) "
            f"union all select {nothing}"
        )
        found = count(connection, frame, checks)
    for check in checks:
        finding = found[check.id]
        assert (finding.rows, finding.failing, len(finding.examples)) == (20, 6, 5)
        first = finding.examples[0]
        assert first == {key: shown(key, f"{key} 0") for key in keys}
        assert all(first[key].endswith("…") for key in keys if key in PERSONAL)


def test_ids_of_persons_are_cut_short_and_keys_are_kept():
    assert shown("user_id", "d1f08820-32e6") == "d1f0…"
    assert [shown("user_id", id) for id in ("42", "1234", "123456")] == ["…", "1…", "12…"]
    assert shown("order_id", "d1f08820-32e6") == "d1f08820-32e6"
    assert shown("created_at", datetime(2023, 1, 9, 10)) == "2023-01-09 10:00:00"
    assert shown("user_id", None) is None


def test_a_required_column_of_a_few_rows_is_not_mostly_empty_and_one_that_is_has_its_name_said():
    with duckdb.connect() as connection:
        connection.execute(
            "create table quality_rows as select *, empty > 0 as required_columns_filled, "
            "false as required_columns_mostly_filled from (values ('promos.status', 1, 1), ('orders.status', 90, 80), "
            "('users.created_at', 90, 40)) as counts (column_name, all_rows, empty)"
        )
        findings._mark_mostly_empty(connection)
        checks = [check for check in CHECKS if check.frame == "required_columns"]
        found = count(connection, "required_columns", checks)
    assert found["required_columns_mostly_filled"].observed == "1 of 3 required columns fail: orders.status"
    assert found["required_columns_filled"].failing == 3


def test_how_old_the_newest_may_be_is_said_in_hours():
    newest = [{"kind": "events", "newest_at": AS_OF - timedelta(hours=60)}]
    readings = history.freshness(newest, {"events": [600.0] * 9}, AS_OF)["events_freshness"]
    found = {**GOOD, "events_fresh": findings._of_readings(BY_ID["events_fresh"], readings)}
    fresh = next(check for check in verdict.judged(found) if check["check"] == "events_fresh")
    assert (fresh["passed"], fresh["expected"]) == (False, "at most 48 hours")


def test_one_row_is_no_rows():
    assert [verdict._rows_fail(number) for number in (1, 2, 1234)] == ["1 row fails", "2 rows fail", "1,234 rows fail"]


def test_definitions_are_whole():
    assert len({check.id for check in CHECKS}) == len(CHECKS) == len(BY_ID)
    for check in CHECKS:
        assert check.meaning.endswith(".")
        assert check.meaning[0].isupper() or check.meaning.startswith(("orders_", "order_", "fct_"))
        assert check.remedy in REMEDIES
        assert check.look
        # What the shop can do is accepted, not only held; our own logic never is.
        assert check.acceptable == (check.severity == "critical" and check.remedy == "accept")
        assert check.limit.kind == "value" or check.frame in KEYS or check.frame in ("extract", "landing_warnings")
        assert check.severity == "critical" or not check.tells_of
        assert set(check.tells_of) <= BY_ID.keys() - {check.id}
    assert {expectation.meta["check"] for suite in suites().values() for expectation in suite.expectations} == set(
        BY_ID
    )


FLOOD = ("sessions_not_collapsed", "sessions_near_history", "conversion_not_collapsed")


def test_a_warning_is_told_of_by_its_extreme_where_both_fail():
    def told_by(*failing: str) -> dict[str, str]:
        found = verdict._told_once(verdict.judged({**GOOD, **{name: bad(BY_ID[name]) for name in failing}}))
        assert {check["check"] for check in found if not check["passed"]} == set(failing)
        return {check["check"]: check["told_by"] for check in found if check["told_by"]}

    assert told_by("sessions_near_history", "days_near_history") == {}
    assert told_by("sessions_not_collapsed") == {}
    assert told_by("sessions_not_collapsed", "sessions_near_history", "days_near_history") == {
        "sessions_near_history": "sessions_not_collapsed"
    }
    # A silence of one check is none of another.
    silent = {"until": "2025-02-01"}
    flood = verdict.judged({**GOOD, **{name: bad(BY_ID[name]) for name in FLOOD}})
    flood = [{**check, "silenced": silent if check["check"] == FLOOD[0] else None} for check in flood]
    assert {check["told_by"] for check in verdict._told_once(flood)} == {None}
    # The whole chain is told of by its first.
    assert set(told_by("extract_has_events", "events_not_collapsed", "events_near_history").values()) == {
        "extract_has_events"
    }


def test_the_statements_say_what_the_checks_read():
    for frame in KEYS:
        if frame != "required_columns":
            text = statement(f"quality/rows/{frame}")
            for check in CHECKS:
                if check.frame == frame:
                    assert re.search(rf"\b{check.column}\b", text), (frame, check.column)


@pytest.mark.parametrize("path", sorted((SQL / "quality").rglob("*.sql")), ids=lambda path: path.stem)
def test_the_statements_are_snowflake_s_too(path):
    # There a parameter is a session variable. sqlfluff raises where the dialect can't read a statement.
    text = path.read_text(encoding="utf-8")
    assert sqlfluff.parse(text, dialect="snowflake")
    # What one of the two has not, or means otherwise.
    assert not re.search(r"\* interval|\b(greatest|least|string_agg|strftime|date_diff|epoch|filter) *\(", text)


def test_the_runbook_has_an_anchor_for_every_check():
    text = (REPOSITORY / "docs" / "runbook.md").read_text(encoding="utf-8")
    anchors = set(re.findall(r'<a id="([^"]+)"></a>', text))
    assert {check.id for check in CHECKS} | {"dbt_tests"} <= anchors


# The week against the weeks before it.

STEADY = [1000.0, 990.0, 1015.0, 1005.0, 985.0, 1010.0, 1000.0, 995.0, 1002.0]


@pytest.mark.parametrize(
    ("weeks", "expected"),
    [
        (STEADY, 1.0),
        ([500.0, *STEADY[1:]], 0.5),
        ([2500.0, *STEADY[1:]], 2.5),
        ([0.0, *STEADY[1:]], 0.0),
        # A trend goes on.
        ([1000 * 1.08 ** (8 - age) for age in range(9)], 1.0),
        # An odd week before says nothing.
        ([1000.0, 30.0, *STEADY[2:]], 1.0),
        # Small numbers.
        ([9.0, 14.0, 16.0, 12.0, 15.0, 14.0], 1.0),
        # Too few weeks, or none.
        ([1.0, 1000.0, 1000.0, 1000.0], 1.0),
        ([500.0], 1.0),
        ([0.0, *[0.0] * 8], 1.0),
    ],
)
def test_a_count_against_the_weeks_before(weeks, expected):
    assert history.count("sessions", weeks).value == pytest.approx(expected, abs=0.03)


def weeks_of(hours: np.ndarray, weeks: int = 9) -> np.ndarray:
    return np.tile(hours, (weeks, 1))


DAY = np.array([2, 1, 1, 1, 1, 2, 4, 6, 8, 9, 10, 10, 11, 10, 9, 9, 10, 12, 14, 16, 16, 13, 8, 4])
WEEK = np.concatenate([DAY * weight for weight in (10, 11, 11, 13, 17, 16, 10)]) / 4
AS_OF = datetime(2025, 1, 15)


def test_days_are_compared_with_the_same_weekday():
    hours = weeks_of(WEEK)
    assert [reading.value for reading in history.days(hours, AS_OF)] == [1.0] * 7
    # The whole week is busier: no day stands out.
    hours[0] *= 1.6
    assert [reading.value for reading in history.days(hours, AS_OF)] == [1.0] * 7
    hours[0, 96:120] = 0
    assert [reading.value for reading in history.days(hours, AS_OF)] == [1, 1, 1, 1, 0, 1, 1]
    assert [reading.name for reading in history.days(hours, AS_OF) if not reading.value] == ["Sun 12 Jan"]
    assert history.days(hours[:4], AS_OF) == []


def test_a_weekday_on_which_the_shop_is_closed_hides_no_lost_day_or_hour():
    hours = weeks_of(WEEK)
    hours[:, :24] = 0
    hours[0, 96:120] = 0
    assert [reading.value for reading in history.days(hours, AS_OF)] == [1, 1, 1, 0, 1, 1]
    assert {reading.name[:10] for reading in history.lost_hours(hours, AS_OF) if not reading.value} == {"Sun 12 Jan"}


def test_a_busy_hour_without_sessions_is_lost_and_one_of_the_night_is_not_missed():
    hours = weeks_of(WEEK)
    assert {reading.value for reading in history.lost_hours(hours, AS_OF)} == {1.0}
    hours[0, 96 + 19] = hours[0, 3] = 0
    lost = [reading for reading in history.lost_hours(hours, AS_OF) if reading.value < 0.1]
    assert [reading.name for reading in lost] == ["Sun 12 Jan, 19:00"]


@pytest.mark.parametrize("move", [-8, -2, 0, 1, 5])
def test_the_hours_by_which_times_are_moved_are_named(move):
    hours = weeks_of(WEEK)
    hours[0] = np.roll(hours[0], move)
    assert history.shift(hours).value == move
    # Daylight saving moves a shop by one.
    assert BY_ID["hours_not_shifted"].limit.at_most == 1


def test_few_sessions_say_nothing_of_hours():
    hours = weeks_of(WEEK / 100)
    hours[0] = np.roll(hours[0], 5)
    assert history.shift(hours).value == 0


def shares(now: tuple[int, int], before: tuple[int, int] = (420, 1000), weeks: int = 8):
    found = {week: {"sessions": before[1], "checkout": before[0]} for week in range(1, weeks + 1)}
    found[0] = {"sessions": now[1], "checkout": now[0]}
    return history._share("checkout", found, "checkout", "sessions")


@pytest.mark.parametrize(
    ("now", "pp"),
    [((430, 1000), 0), ((200, 1000), -22), ((0, 1000), -42), ((8, 12), 0), ((0, 0), 0), ((700, 1000), 28)],
)
def test_a_share_against_the_weeks_before(now, pp):
    assert shares(now)[0].value == pytest.approx(pp, abs=0.1)
    assert shares(now)[1].value == pytest.approx(1 + pp / 42, abs=0.01)
    assert shares(now, weeks=3)[0].value == 0


def test_products_are_compared_by_their_share_of_sessions():
    def row(week: int, product: str, sessions: int) -> dict:
        return {"weeks_ago": week, "product_id": product, "sessions": sessions}

    found = [row(week, product, 100) for week in range(1, 9) for product in ("p1", "p2")]
    found += [row(0, "p1", 95), row(0, "p2", 3), row(0, "new", 500)]
    values = {reading.name: reading.value for reading in history.products(found, [1000.0] * 9)}
    assert values == {"product p1": 1.0, "product p2": 0.03}


def test_order_values_in_cents_are_a_hundredfold_and_few_orders_may_be_dear_by_chance():
    def weeks(factor: float, orders: int) -> list[dict]:
        row = {"orders": orders, "median_total": 200.0, "spread": 0.8}
        return [{**row, "weeks_ago": 0, "median_total": 200 * factor}] + [
            {**row, "weeks_ago": week} for week in range(1, 9)
        ]

    assert history.order_values(weeks(100, 50)).value == 100
    assert history.order_values(weeks(2.5, 50)).value == 2.5
    assert history.order_values(weeks(2.5, 12)).value == 1
    assert history.order_values(weeks(100, 50)[:3]).value == 1
    assert history.order_values([]).value == 1


def test_a_small_shop_may_be_quiet_for_longer():
    newest = [{"kind": "events", "newest_at": AS_OF - timedelta(hours=60)}, {"kind": "orders", "newest_at": None}]
    ages = {
        usual: history.freshness(newest, {"events": [0.0] + [usual] * 8, "orders": []}, AS_OF)
        for usual in (0.0, 5.0, 600.0)
    }
    assert ages[600.0]["events_freshness"][0].value == pytest.approx(60 / 48)
    assert ages[0.0]["events_freshness"][0].value == pytest.approx(60 / 48)
    assert ages[5.0]["events_freshness"][0].value < 0.2
    assert ages[600.0]["orders_freshness"][0].value == 0
    # One order in most weeks, none in some: the median of these is none.
    quiet = {"events": [], "orders": [0.0, 0.0, 1.0, 0.0, 0.0, 1.0]}
    newest = [{"kind": "orders", "newest_at": AS_OF - timedelta(days=10)}]
    assert history.freshness(newest, quiet, AS_OF)["orders_freshness"][0].value < 0.2


# The verdict.


def checks(*failed: str) -> list[dict]:
    return [
        {
            "check": check.id,
            "severity": check.severity,
            "passed": check.id not in failed,
            "accepted": False,
            "observed": "3 of 9",
        }
        for check in CHECKS
    ]


def test_an_anomaly_is_accepted_with_a_reason_and_stays_so_for_the_same_checks():
    anomaly = checks("sessions_not_collapsed", "sessions_near_history")
    seen = {"sessions_not_collapsed": "3 of 9", "prices_in_scale": "3 of 9"}
    assert verdict._accepting(anomaly, "", None, seen).name == "held"
    for other in ({}, {"sessions_not_collapsed": "4 of 9"}, {"prices_in_scale": "3 of 9"}):
        unseen = verdict._accepting(anomaly, "power cut", None, other)
        assert (unseen.name, unseen.accepted, unseen.unseen) == ("held", None, True)
    found = verdict._accepting(anomaly, "power cut", None, seen)
    assert found.name == "accepted"
    observed = {"sessions_not_collapsed": "3 of 9"}
    assert found.accepted == {"reason": "power cut", "checks": ["sessions_not_collapsed"], "observed": observed}
    assert [check["check"] for check in found.checks if check["accepted"]] == ["sessions_not_collapsed"]
    assert [check["check"] for check in found.failed_warnings] == ["sessions_near_history"]
    assert verdict._accepting(anomaly, "", found.accepted, {}) == found
    another = checks("sessions_not_collapsed", "prices_in_scale")
    assert verdict._accepting(another, "", found.accepted, seen).name == "held"
    # An earlier week was corrected since, and with it what this one is compared with.
    otherwise = {**found.accepted, "observed": {"sessions_not_collapsed": "4 of 9"}}
    assert verdict._accepting(anomaly, "", otherwise, {}) == found


def test_accepting_before_looking_says_what_to_do(tmp_path):
    found = verdict._accepting(checks("sessions_not_collapsed"), "power cut", None, {})
    home = Settings(tmp_path, tmp_path / "extracts")
    text = verdict._how_to_go_on(home, AS_OF, found, "sessions_not_collapsed: 3 of 9")
    assert "look first, then accept" in text
    command = f"make backfill FROM=2025-01-15 TO=2025-01-15 GREENERY_HOME={tmp_path}"
    assert f"""{command} PARAMS='{{"accept": "<why>"}}'""" in text


def test_a_broken_structure_can_not_be_accepted():
    broken = checks("sessions_unique", "sessions_not_collapsed")
    found = verdict._accepting(
        broken, "never mind", None, {"sessions_unique": "3 of 9", "sessions_not_collapsed": "3 of 9"}
    )
    assert found.name == "held"
    assert found.accepted is None
    assert len(found.failed_critical) == 2
    test = verdict._failed_test(
        {"test": "unique_x", "model": "fct_sessions", "meaning": "Unique.", "failures": 2, "message": "Got 2 results"}
    )
    assert verdict._accepting([test], "never mind", None, {"unique_x": test["observed"]}).name == "held"
    assert (test["severity"], test["relation"], test["failing_rows"]) == ("critical", "fct_sessions", 2)
    # Of how many is not known: no share is made up.
    (alert,) = alerting.of_checks({"verdict": "held", "checks": [test]}, [], Run("2025-01-22", "manual__1", "manual"))
    assert alert.failing == "2"


def test_what_needs_no_acceptance_has_none():
    found = verdict._accepting(checks("sessions_near_history"), "just in case", None, {})
    assert (found.name, found.accepted) == ("passed", None)


# The page.


def test_the_page_shows_every_check_with_its_owner_and_escapes_what_it_prints():
    found = {check.id: bad(check) for check in CHECKS}
    found["prices_steady"] = of_rows(BY_ID["prices_steady"], 30, 7, [{"name": "<Fern> & Co"}])
    document = {
        "as_of": "2025-01-15T00:00:00+00:00",
        "verdict": "held",
        "accepted": None,
        "checks": verdict.judged(
            {**GOOD, **{id: found[id] for id in list(found)[::2]}, "prices_steady": found["prices_steady"]}
        ),
        "landing_warnings": ["promos.csv: unknown column '<b>' was not landed"],
    }
    text = page.render_quality(CheckResults.model_validate(document), {check.id: advice(check.id) for check in CHECKS})
    for check in document["checks"]:
        assert check["check"] in text
        if not check["passed"]:
            assert f'id="{check["check"]}"' in text
            assert check["runbook"] in text
    assert "&lt;Fern&gt; &amp; Co" in text
    assert "<b>" not in text.replace("<b>", "", 0).split("Noticed while landing")[1]
    assert "http" not in text.replace('http-equiv="', "")


@pytest.mark.parametrize(
    ("found", "name", "headline"),
    [
        ([("critical", True), ("warning", True), ("info", False)], "passed", "Passed: all 2 checks."),
        ([("critical", True), ("warning", False), ("warning", False)], "passed", "Passed, with 2 warnings."),
        ([("critical", True), ("warning", False)], "passed", "Passed, with 1 warning."),
        ([("critical", False), ("critical", True), ("warning", False)], "held", "Held: 1 of 2 critical checks failed."),
        ([("critical", False), ("critical", True)], "accepted", "Accepted: 1 of 2 critical checks failed."),
    ],
)
def test_the_headline_of_the_page_says_what_counts(found, name, headline):
    checks = [alerting.check(f"c{n}", severity=severity, passed=passed) for n, (severity, passed) in enumerate(found)]
    results = CheckResults.model_validate(alerting.quality("2025-01-15", *checks, verdict=name))
    text = page.render_quality(results, {})
    assert f"<h1>{headline}</h1>" in text
