"""Each check passes on what is right and fails, at its severity and with its rows named, on what is not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tracemalloc
from datetime import date, datetime, timedelta

import duckdb
import numpy as np
import pytest
import sqlfluff
from greenery.build.record import FailedTest
from greenery.messages import page
from greenery.messages.alert import Run
from greenery.messages.check_results import Acceptance, CheckResult, CheckResults, SilencedBy
from greenery.quality import history, validation, verdict
from greenery.quality.checks import BY_ID, CHECKS, advice
from greenery.quality.expectations import surely
from greenery.quality.findings import PERSONAL, Finding, expected, shown
from greenery.quality.suite import REMEDIES, Check, Suite
from greenery.quality.suites import SUITES, required_columns
from greenery.settings import REPOSITORY, Settings
from greenery.warehouse import duckdb_dialect
from greenery.warehouse.duckdb import create_landing_tables
from greenery.warehouse.statements import SQL, statement

from tests import alerting

AS_OF = datetime(2025, 1, 15)
GOOD = {check.id: Finding(True, "0 of 9 rows break the rule", "none", 9) for check in CHECKS}
BAD = {check.id: Finding(False, "1 of 9 rows breaks the rule", "none", 9, 1, [{"key": "k1"}]) for check in CHECKS}
SUITE = {suite.name: suite for suite in SUITES}


def found(suite: Suite, rows: str, **given) -> dict[str, Finding]:
    """Return what a suite's checks find in the rows of a statement."""
    with duckdb.connect() as connection:
        connection.execute(f"create temporary table {validation.table(suite)} as {rows}")
        source = validation.ephemeral_context().data_sources.add_sql("warehouse", **duckdb_dialect.source(connection))
        given = {"as_of": AS_OF, "statuses": ["preparing"], "event_types": ["page_view"], **given}
        return validation.findings_of(connection, source, suite, given)


def of(expectation, *keys: str, **said) -> Suite:
    """Return a suite of one check, which has this expectation."""
    check = Check("it", "warning", expectation, "It is so.", "it", **said)
    return Suite("some", "some", (check,), keys or ("number",), "rows")


def numbers(size: int, failing: int, value: str = "case when number < {} then 9 else 1 end") -> str:
    return f"select number, {value.format(failing)} as value from range({size}) as numbers (number)"


def test_every_check_says_what_it_is_in_quality_json():
    checks = {check.check: check for check in verdict.check_results(BAD)}
    assert checks.keys() == BY_ID.keys()
    for check in CHECKS:
        kept = checks[check.id]
        assert (kept.severity, kept.owner, kept.relation) == (check.severity, check.owner, check.relation)
        assert kept.runbook == f"docs/runbook.md#{check.id}"
        assert (kept.passed, kept.rows, kept.failing_rows, kept.examples) == (False, 9, 1, ({"key": "k1"},))


def test_an_expectation_carries_what_is_said_of_its_check():
    for suite in SUITES:
        for check, one in zip(
            suite.checks, validation.expectation_suite(suite, suite.checks).expectations, strict=True
        ):
            assert (one.severity.value, one.description) == (check.severity, check.meaning)
            assert check.look in one.notes
            assert one.meta == {
                "check": check.id,
                "owner": check.owner,
                "remedy": check.remedy,
                "acceptable": check.acceptable,
                "covers": list(check.covers),
                "runbook": f"docs/runbook.md#{check.id}",
            }


def test_who_asks_for_a_check_by_name_does_not_import_great_expectations():
    code = "import sys; from greenery.quality.checks import advice; advice('orders_unique'); "
    code += "sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY / "include", check=False).returncode == 0


# Shares: the expectation, a value that fails it, and one that does not.
SHARES = {
    "between": (lambda gx: gx.ExpectMostColumnValuesToBeBetween(column="value", max_value=1, mostly=0.9), "9", "1"),
    "in set": (
        lambda gx: gx.ExpectMostColumnValuesToBeInSet(column="value", value_set=[1], mostly=0.9),
        "9",
        "1",
    ),
    "not in set": (
        lambda gx: gx.ExpectMostColumnValuesToNotBeInSet(column="value", value_set=[9], mostly=0.9),
        "9",
        "1",
    ),
    "not null": (lambda gx: gx.ExpectMostColumnValuesToNotBeNull(column="value", mostly=0.9), "null", "1"),
    "null": (lambda gx: gx.ExpectMostColumnValuesToBeNull(column="value", mostly=0.9), "9", "null"),
    "pair greater": (
        lambda gx: gx.ExpectMostColumnPairValuesAToBeGreaterThanB(column_A="five", column_B="value", mostly=0.9),
        "9",
        "1",
    ),
    "pair equal": (
        lambda gx: gx.ExpectMostColumnPairValuesToBeEqual(column_A="five", column_B="value", mostly=0.9),
        "9",
        "5",
    ),
}


@pytest.mark.parametrize("name", SHARES)
def test_a_share_fails_past_its_limit_by_more_than_chance(name):
    expectation, bad, good = SHARES[name]

    def share(size: int, failing: int) -> Finding:
        rows = numbers(size, failing, f"5 as five, case when number < {{}} then {bad} else {good} end")
        return found(of(expectation), rows)["it"]

    # All that the limit allows; one of a few, which chance explains; and just past both.
    assert share(10_000, 1000).passed
    assert share(4, 1).passed
    past = share(10_000, 1200)
    assert (past.passed, past.rows, past.failing) == (False, 10_000, 1200)
    assert past.observed == "1,200 of 10,000 rows break the rule (12.0%)"
    assert past.expected == "at most 10%, allowing for chance"


def test_a_share_is_of_the_rows_that_are_looked_at():
    expectation = SHARES["between"][0]
    rows = numbers(100, 30) + " union all select number, null from range(900) as others (number)"
    one = found(of(expectation), rows)["it"]
    assert (one.passed, one.rows, one.failing) == (False, 100, 30)
    where = of(
        lambda gx: gx.ExpectMostColumnValuesToBeBetween(
            column="value", max_value=1, mostly=0.9, row_condition=gx.is_true("counts")
        )
    )
    rows = f"select *, case when number < 60 then true when number < 80 then false end as counts from ({rows})"
    one = found(where, rows)["it"]
    assert (one.passed, one.rows, one.failing) == (False, 60, 30)


def test_a_share_is_what_chance_can_not_explain():
    assert surely(0, 5) == 0
    assert surely(14, 14) > 0.5 > surely(13, 13)
    assert 0.27 < surely(400, 1000) < 0.4


def test_failing_rows_are_named_by_their_keys_in_their_order_a_few_of_them_once():
    suite = of(lambda gx: gx.ExpectColumnValuesToBeUnique(column="session_id"), "session_id", "user_id")
    rows = (
        "select 's' || number as session_id, 'user-' || number as user_id, number as other "
        "from (select 19 - number as number from range(10) as numbers (number)) as backwards, range(2) as twice (copy)"
    )
    one = found(suite, rows)["it"]
    assert (one.passed, one.rows, one.failing, one.observed) == (False, 20, 20, "20 of 20 rows break the rule")
    # Of five rows, two each are of one session.
    assert one.examples == [{"session_id": f"s{number}", "user_id": "us…"} for number in (10, 11, 12)]


@pytest.mark.parametrize(
    "expectation",
    [
        lambda gx: gx.ExpectCompoundColumnsToBeUnique(column_list=["session_id", "user_id"]),
        lambda gx: gx.UnexpectedRowsExpectation(
            unexpected_rows_query="select session_id, user_id from {batch} where failing"
        ),
        lambda gx: gx.ExpectColumnValuesToBeNull(column="differs_in"),
    ],
)
def test_every_kind_of_expectation_names_what_fails(expectation):
    suite = of(expectation, "session_id", "user_id")
    rows = (
        "select * from (values ('s2', 'user-2', true, 'a'), ('s1', 'user-1', false, null), ('s2', 'user-2', true, 'a'))"
        " as sessions (session_id, user_id, failing, differs_in)"
    )
    one = found(suite, rows)["it"]
    assert (one.passed, one.rows, one.failing) == (False, 3, 2)
    assert [{key: row[key] for key in suite.keys} for row in one.examples] == [{"session_id": "s2", "user_id": "us…"}]
    assert json.loads(json.dumps(one.examples)) == one.examples


def test_a_check_that_can_not_be_evaluated_is_an_error():
    broken = of(lambda gx: gx.ExpectColumnValuesToNotBeNull(column="no_such_column"))
    with pytest.raises(RuntimeError, match="a check of some could not be evaluated"):
        found(broken, numbers(3, 0))
    broken = of(lambda gx: gx.ExpectSharesNotToExceed(part="no_such_column", whole="number", at_most=0.5))
    with pytest.raises(RuntimeError, match="a check of some could not be evaluated"):
        found(broken, numbers(3, 0))


def test_ids_of_persons_are_cut_short_and_keys_are_kept():
    assert shown("user_id", "d1f08820-32e6") == "d1f0…"
    assert shown("known_user_id", "d1f08820-32e6") == "d1f0…"
    assert [shown("user_id", id) for id in ("42", "1234", "123456")] == ["…", "1…", "12…"]
    assert shown("order_id", "d1f08820-32e6") == "d1f08820-32e6"
    assert shown("created_at", datetime(2023, 1, 9, 10)) == "2023-01-09 10:00:00"
    assert shown("user_id", None) is None
    assert PERSONAL


def test_a_required_column_of_a_few_rows_is_not_mostly_empty_and_one_that_is_has_its_name_said():
    rows = (
        "select *, 0 as empty_before, empty as empty_and_needed, 0 as newly_empty from "
        "(values ('promos.status', 1, 1), ('orders.status', 90, 80), ('users.created_at', 90, 40)) "
        "as counts (column_name, all_rows, empty)"
    )
    columns = found(SUITE["required_columns"], rows)
    assert (
        columns["required_columns_mostly_filled"].observed == "1 of 3 required columns breaks the rule: orders.status"
    )
    assert columns["required_columns_filled"].failing == 3


@pytest.mark.parametrize(
    ("column", "before", "now", "is_checked"),
    [
        ("inventory", None, None, False),
        ("inventory", 5, None, True),
        ("inventory", None, 5, True),
        ("name", None, None, True),
    ],
)
def test_a_required_column_that_was_never_filled_is_checked_if_a_figure_needs_it(column, before, now, is_checked):
    with duckdb.connect() as connection:
        create_landing_tables(connection)
        connection.execute("create temp table quality_week as select 'e2' as extract_id, 'e1' as previous_extract_id")
        for extract_id, value in (("e1", before), ("e2", now)):
            connection.execute(
                f"insert into landing.products (extract_id, product_id, {column}) values (?, 'p1', ?)",
                [extract_id, value],
            )
        statement, parameters = required_columns.SUITE.statement(connection)
        checked = {row[0] for row in connection.execute(statement, parameters).fetchall()}
    assert (f"products.{column}" in checked) is is_checked


@pytest.mark.parametrize(
    ("before", "now", "failed"),
    [
        # Partly filled from the first week on, and then as before.
        (None, (50, 10), set()),
        ((50, 10), (60, 12), set()),
        # Given up; and in the week after.
        ((50, 50), (60, 0), {"other_columns_not_emptied", "required_columns_filled"}),
        ((60, 0), (60, 0), set()),
        ((50, 50), (60, 8), {"other_columns_not_emptied", "required_columns_filled"}),
        ((50, 50), (60, 50), {"required_columns_filled"}),
        ((50, 30), (60, 20), {"required_columns_filled"}),
    ],
)
def test_a_column_that_no_figure_needs_is_held_for_a_sudden_fall_only(before, now, failed):
    with duckdb.connect() as connection:
        create_landing_tables(connection)
        connection.execute(
            "create temp table quality_week as select 'e2' as extract_id, ?::varchar as previous_extract_id",
            ["e1" if before else None],
        )
        for extract_id, counts in (("e1", before), ("e2", now)):
            for number in range(counts[0] if counts else 0):
                connection.execute(
                    "insert into landing.addresses (extract_id, address_id, country, zipcode, state) "
                    "values (?, ?, 'US', '1', ?)",
                    [extract_id, str(number), "MA" if number < counts[1] else None],
                )
        given, parameters = required_columns.SUITE.statement(connection)
        query = f"select * from ({given}) where column_name = 'addresses.state'"
        names = [name for name, *_ in connection.execute(query, parameters).description]
        row = connection.execute(query, parameters).fetchall()
    values = [", ".join(f"{value!r} as {name}" for name, value in zip(names, line, strict=True)) for line in row]
    columns = found(SUITE["required_columns"], f"select {values[0]}") if values else {}
    assert {check for check, finding in columns.items() if not finding.passed} == failed


@pytest.mark.parametrize(
    ("events", "failed"),
    [
        # One session of 99 events of one user is a large one; 100 of 1000 events are no more than a tenth.
        ({"big": (99, 1)}, set()),
        ({"big": (100, 1)}, set()),
        ({"big": (101, 1)}, {"sessions_not_shared"}),
        ({"0": (20, 10)}, {"sessions_not_shared"}),
        ({"0": (60, 30)}, {"sessions_not_shared", "sessions_mostly_not_shared"}),
        # Guests have no user.
        ({"0": (700, 0)}, {"sessions_not_shared", "sessions_mostly_not_shared"}),
    ],
)
def test_a_session_that_many_share_is_found_by_its_new_events(events, failed):
    query = statement("quality/rows/sessions_of_new_events")
    with duckdb.connect() as connection:
        connection.execute("create temp table quality_new_events (session_id varchar, user_id varchar)")
        rows = [
            (name, f"{name} {n % users}" if users else None) for name, (of, users) in events.items() for n in range(of)
        ]
        rows += [(f"s{n // 5}", f"u{n // 5}") for n in range(1000 - len(rows))]
        connection.executemany("insert into quality_new_events values (?, ?)", rows)
        names = ("session_id", "events", "user_count", "events_of_many", "events_of_most")
        lines = connection.execute(f"select {', '.join(names)} from ({query})").fetchall()
    values = ", ".join(str(tuple("null" if value is None else value for value in line)) for line in lines)
    checks = found(
        SUITE["sessions_of_new_events"],
        f"select * from (values {values.replace(chr(39) + 'null' + chr(39), 'null')}) as lines ({', '.join(names)})",
    )
    assert {check for check, finding in checks.items() if not finding.passed} == failed


def test_an_extract_without_events_is_said_to_have_none():
    extract = found(SUITE["extract"], "select 'x' as extract_id, 0 as events")["extract_has_events"]
    assert (extract.passed, extract.observed, extract.expected) == (False, "0 events", "at least 1")
    assert found(SUITE["extract"], "select 'x' as extract_id, 7 as events")["extract_has_events"].passed


def newest(hours: float, rows_before: int = 4800, weeks_before: int = 8, kind: str = "events") -> dict:
    return {
        "kind": kind,
        "newest_at": AS_OF - timedelta(hours=hours),
        "rows_before": rows_before,
        "weeks_before": weeks_before,
    }


def test_how_old_the_newest_may_be_is_said_in_days():
    rows = (
        "select 'events' as kind, timestamp '2025-01-12 12:00:00' as newest_at, 4800 as rows_before, 8 as weeks_before "
        "union all select 'orders', timestamp '2025-01-14 12:00:00', 800, 8"
    )
    fresh = found(SUITE["newest"], rows)
    assert (fresh["events_fresh"].passed, fresh["events_fresh"].expected) == (False, "at most 2 days")
    assert fresh["orders_fresh"].passed


@pytest.mark.parametrize(
    ("hours", "text"),
    [(0, "0.0 hours"), (47.9, "47.9 hours"), (48, "2 days"), (60, "2.5 days"), (17_247.1, "719 days")],
)
def test_an_age_is_said_in_the_unit_that_suits_it(hours, text):
    assert history.age([newest(hours)], "events", AS_OF).observed == text


def test_a_week_far_from_the_weeks_before_fails_and_says_both_figures():
    columns = (
        "weeks_ago, sessions, sessions as page_view, sessions as add_to_cart, sessions as checkout, 0 as without_user"
    )
    week = (
        "select {} from (select number as weeks_ago, case number when 0 then {} else 1000 end as sessions "
        "from range(9) as weeks (number))"
    )
    good = found(SUITE["sessions_by_week"], week.format(columns, 1010))
    assert all(one.passed for one in good.values())
    half = found(SUITE["sessions_by_week"], week.format(columns, 500))
    assert {id for id in half if not half[id].passed} == {"sessions_near_history"}
    one = half["sessions_near_history"]
    assert one.observed == "sessions: 500, expected 1,000"
    assert (
        one.expected
        == "at least 0.65 and at most 1.5 times the figure expected from previous weeks, allowing for chance"
    )
    assert one.examples == [{"what": "sessions", "observed": "500", "expected": "1,000"}]
    flood = found(SUITE["sessions_by_week"], week.format(columns, 20_000))
    assert {id for id in flood if not flood[id].passed} == {"sessions_near_history", "sessions_not_collapsed"}


def test_the_dialect_reads_the_open_connection_and_commits_nothing():
    import sqlalchemy as sa

    with duckdb.connect() as connection:
        connection.begin()
        connection.execute("create temporary table t (b boolean, n decimal(10, 2), d timestamp, s varchar, i integer)")
        connection.execute("insert into t select true, 1.5, timestamp '2025-01-15', 's', 1 from range(3)")
        options = duckdb_dialect.source(connection)
        engine = sa.create_engine(options["connection_string"], **options["kwargs"])
        kinds = {column["name"]: type(column["type"]) for column in sa.inspect(engine).get_columns("t")}
        assert kinds == {"b": sa.Boolean, "n": sa.Numeric, "d": sa.TIMESTAMP, "s": sa.String, "i": sa.Integer}
        assert sa.inspect(engine).has_table("t")
        assert not sa.inspect(engine).has_table("u")
        assert "t" in sa.inspect(engine).get_table_names()
        with engine.begin() as session:
            first = session.execute(sa.text("select i from t"))
            # A second statement does not cut off the first.
            assert session.execute(sa.text("select count(*) from t where i = :i"), {"i": 1}).scalar() == 3
            assert [first.fetchone(), first.fetchmany(1), first.fetchall(), first.fetchone()] == [
                (1,),
                [(1,)],
                [(1,)],
                None,
            ]
        connection.rollback()
        assert not sa.inspect(engine).has_table("t")


@pytest.mark.parametrize(
    "expectation",
    [
        lambda gx: gx.UnexpectedRowsExpectation(unexpected_rows_query="select * from {batch}"),
        lambda gx: gx.ExpectColumnValuesToNotBeNull(column="value"),
        lambda gx: gx.ExpectColumnValuesToBeUnique(column="half"),
    ],
)
def test_a_million_failing_rows_are_counted_and_stay_in_the_warehouse(expectation):
    rows = "select number, number // 2 as half, null as value, repeat('x', 50) from range(1000000) as numbers (number)"
    found(of(expectation), "select 1 as number, 1 as half, null as value")  # imports what is needed
    tracemalloc.start()
    try:
        one = found(of(expectation), rows)["it"]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (one.passed, one.failing, len(one.examples)) == (False, 1_000_000, 5)
    assert peak < 10_000_000


def test_one_row_is_no_rows():
    assert [verdict._broken(number) for number in (1, 2)] == ["1 row breaks the rule", "2 rows break the rule"]
    assert verdict._broken(1234) == "1,234 rows break the rule"


def test_definitions_are_whole():
    assert len({check.id for check in CHECKS}) == len(CHECKS) == len(BY_ID)
    for check in CHECKS:
        assert check.meaning.endswith(".")
        assert check.meaning[0].isupper() or check.meaning.startswith(("orders_", "order_", "fct_"))
        assert check.remedy in REMEDIES
        assert check.look
        # What the shop can do is accepted, not only held; our own logic never is.
        assert check.acceptable == (check.severity == "critical" and check.remedy == "accept")
        assert check.severity == "critical" or not check.covers
        assert set(check.covers) <= BY_ID.keys() - {check.id}


def test_a_suite_has_a_module_and_a_statement_of_its_name():
    modules = {path.stem for path in (REPOSITORY / "include/greenery/quality/suites").glob("[!_]*.py")}
    statements = {path.stem for path in (SQL / "quality" / "rows").glob("*.sql")}
    assert modules == {suite.name for suite in SUITES}
    assert statements == {suite.name for suite in SUITES if suite.statement is None}


@pytest.mark.parametrize(
    ("check", "phrase"),
    [
        ("orders_unique", "none"),
        ("events_arrive_in_time", "at most 20%, allowing for chance"),
        ("hours_not_shifted", "within 1 hour"),
        ("extract_has_events", "at least 1"),
        (
            "sessions_not_collapsed",
            "at least 0.1 and at most 10 times the figure expected from previous weeks, allowing for chance",
        ),
        ("no_hour_is_lost", "at least 0.1 times the figure expected from previous weeks, allowing for chance"),
    ],
)
def test_an_expectation_is_said_in_a_phrase(check, phrase):
    assert expected(validation.expectation(BY_ID[check]).configuration) == phrase


FLOOD = ("sessions_not_collapsed", "sessions_near_history", "conversion_not_collapsed")


def test_a_warning_is_told_of_by_its_extreme_where_both_fail():
    def told_by(*failing: str) -> dict[str, str]:
        found = verdict._told_once(verdict.check_results({**GOOD, **{name: BAD[name] for name in failing}}))
        assert {check.check for check in found if not check.passed} == set(failing)
        return {check.check: check.told_by for check in found if check.told_by}

    assert told_by("sessions_near_history", "days_near_history") == {}
    assert told_by("sessions_not_collapsed") == {}
    assert told_by("sessions_not_collapsed", "sessions_near_history", "days_near_history") == {
        "sessions_near_history": "sessions_not_collapsed"
    }
    # A silence of one check is none of another.
    silent = SilencedBy(reason="known", owner="data", until=date(2025, 2, 1))
    flood = verdict.check_results({**GOOD, **{name: BAD[name] for name in FLOOD}})
    flood = [check.model_copy(update={"silenced": silent if check.check == FLOOD[0] else None}) for check in flood]
    assert {check.told_by for check in verdict._told_once(flood)} == {None}
    # The whole chain is told of by its first.
    assert set(told_by("extract_has_events", "events_not_collapsed", "events_near_history").values()) == {
        "extract_has_events"
    }


@pytest.mark.parametrize("path", sorted((SQL / "quality").rglob("*.sql")), ids=lambda path: path.stem)
def test_the_statements_are_snowflake_s_too(path):
    # There a parameter is a session variable. sqlfluff raises where the dialect can't read a statement.
    text = statement(path.relative_to(SQL).with_suffix("").as_posix())
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


def test_days_are_compared_with_the_same_weekday():
    hours = weeks_of(WEEK)
    assert [reading.value for reading in history.day_readings(hours, AS_OF)] == [1.0] * 7
    # The whole week is busier: no day stands out.
    hours[0] *= 1.6
    assert [reading.value for reading in history.day_readings(hours, AS_OF)] == [1.0] * 7
    hours[0, 96:120] = 0
    assert [reading.value for reading in history.day_readings(hours, AS_OF)] == [1, 1, 1, 1, 0, 1, 1]
    assert [reading.name for reading in history.day_readings(hours, AS_OF) if not reading.value] == ["Sun 12 Jan"]
    assert history.day_readings(hours[:4], AS_OF) == []


def test_a_weekday_on_which_the_shop_is_closed_hides_no_lost_day_or_hour():
    hours = weeks_of(WEEK)
    hours[:, :24] = 0
    hours[0, 96:120] = 0
    assert [reading.value for reading in history.day_readings(hours, AS_OF)] == [1, 1, 1, 0, 1, 1]
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
    hours_not_shifted = validation.expectation(BY_ID["hours_not_shifted"])
    assert (hours_not_shifted.min_value, hours_not_shifted.max_value) == (-1, 1)


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
    def age(rows_before: int, weeks_before: int = 8) -> float:
        return history.age([newest(60, rows_before, weeks_before)], "events", AS_OF).value

    assert age(4800) == pytest.approx(60 / 48)
    assert age(0, 0) == pytest.approx(60 / 48)
    assert age(40) < 0.2
    # One order in most weeks, none in some: the median of these is none.
    assert age(2, 5) < 0.2
    nothing = {"kind": "orders", "newest_at": None, "rows_before": 0, "weeks_before": None}
    assert history.age([newest(60), nothing], "orders", AS_OF).value == 0


# The verdict.


def checks(*failed: str) -> list[CheckResult]:
    return verdict.check_results({check.id: Finding(check.id not in failed, "3 of 9", "none", 9) for check in CHECKS})


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
    assert found.accepted == Acceptance(reason="power cut", checks=("sessions_not_collapsed",), observed=observed)
    assert [check.check for check in found.checks if check.accepted] == ["sessions_not_collapsed"]
    assert [check.check for check in found.failed_warnings] == ["sessions_near_history"]
    assert verdict._accepting(anomaly, "", found.accepted, {}) == found
    another = checks("sessions_not_collapsed", "prices_in_scale")
    assert verdict._accepting(another, "", found.accepted, seen).name == "held"
    # An earlier week was corrected since, and with it what this one is compared with.
    otherwise = found.accepted.model_copy(update={"observed": {"sessions_not_collapsed": "4 of 9"}})
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
        FailedTest(test="unique_x", model="fct_sessions", meaning="Unique.", failures=2, message="Got 2 results")
    )
    assert verdict._accepting([test], "never mind", None, {"unique_x": test.observed}).name == "held"
    assert (test.severity, test.relation, test.failing_rows) == ("critical", "fct_sessions", 2)
    # Of how many is not known: no share is made up.
    run = Run(week="2025-01-22", id="manual__1", type="manual")
    (alert,) = alerting.of_checks(alerting.quality("2025-01-22", test.document()), [], run)
    assert alert.failing == "2"


def test_what_needs_no_acceptance_has_none():
    found = verdict._accepting(checks("sessions_near_history"), "just in case", None, {})
    assert (found.name, found.accepted) == ("passed", None)


# The page.


def test_the_page_shows_every_check_with_its_owner_and_escapes_what_it_prints():
    prices = Finding(False, "7 of 30 products break the rule", "none", 30, 7, [{"name": "<Fern> & Co"}])
    document = {
        "as_of": "2025-01-15T00:00:00+00:00",
        "verdict": "held",
        "accepted": None,
        "checks": verdict.check_results({**GOOD, **{id: BAD[id] for id in list(BAD)[::2]}, "prices_steady": prices}),
        "landing_warnings": ["promos.csv: unknown column '<b>' was not landed"],
    }
    text = page.render_quality(CheckResults.model_validate(document), {check.id: advice(check.id) for check in CHECKS})
    for check in document["checks"]:
        assert check.check in text
        if not check.passed:
            assert f'id="{check.check}"' in text
            assert check.runbook in text
    assert "&lt;Fern&gt; &amp; Co" in text
    assert "<b>" not in text.replace("<b>", "", 0).split("Noticed while loading")[1]
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
    checks = [
        alerting.check_result(f"c{n}", severity=severity, passed=passed) for n, (severity, passed) in enumerate(found)
    ]
    results = CheckResults.model_validate(alerting.quality("2025-01-15", *checks, verdict=name))
    text = page.render_quality(results, {})
    assert f"<h1>{headline}</h1>" in text


def test_infos_have_a_section_of_their_own_in_which_nothing_is_called_failed():
    severities = {"warned": "warning", "unusual": "info", "usual": "info"}
    checks = [
        alerting.check_result(name, severity=severity, passed=name == "usual") for name, severity in severities.items()
    ]
    results = CheckResults.model_validate(alerting.quality("2025-01-15", *checks, verdict="passed"))
    text = page.render_quality(results, {})
    sections = dict(re.findall(r'<section id="(\w+)">(.*?)</section>', text, re.DOTALL))
    assert list(sections) == ["warning", "info"]
    for name, severity in severities.items():
        assert [found for found in sections if f">{name}<" in sections[found] or f">{name} " in sections[found]] == [
            severity
        ]
    assert "failed" in sections["warning"]
    assert "failed" not in sections["info"].replace("Nothing has failed here.", "")
    assert "1 check found nothing unusual" in sections["info"]
