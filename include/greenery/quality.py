"""Judge what a run built before anything of it is published."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd

from greenery import ledger, status, weekly_report
from greenery.files import write_atomically
from greenery.report import summary
from greenery.settings import Settings
from greenery.source_tables import STEPS, TABLES
from greenery.warehouse import connect, rows, statement

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuite

HISTORY_WEEKS = 4
ENOUGH_SESSIONS = 30
NAMED_ROWS = 5

# The column that names a row in an example, by frame.
KEYS = {
    "sessions": ["session_id"],
    "session_products": ["session_id", "product_id"],
    "funnel_daily": ["session_date", "product_id", "country", "state"],
    "order_changes": ["order_id"],
    "orders": ["order_id"],
    "checkouts": ["event_id", "order_id"],
    "reconciliation": ["measure"],
    "required_columns": ["column"],
    "events": ["events", "gone", "changed"],
    "freshness": ["newest_event_at"],
    "history": ["sessions_ratio", "checkout_pp"],
}


class HeldError(Exception):
    """A critical check failed: the extract is held and nothing of the run is published."""


@dataclass(frozen=True)
class Verdict:
    """What the checks said: the failed critical ones hold the extract, the failed warnings do not."""

    checks: list[dict]

    @property
    def failed_critical(self) -> list[dict]:
        """The failed checks that hold the extract."""
        return [check for check in self.checks if not check["passed"] and check["severity"] == "critical"]

    @property
    def failed_warnings(self) -> list[dict]:
        """The failed checks that are shown and hold nothing."""
        return [check for check in self.checks if not check["passed"] and check["severity"] == "warning"]


def judge(settings: Settings, run_id: str) -> Verdict:
    """Judge the week of the run that holds the build lock, and write its `quality.json`.

    Raises HeldError, with the extract marked held, where a critical check failed; LockLostError where the run no
    longer holds the lock. A run that withdraws its extract has nothing to be judged: its verdict has no checks.
    """
    with connect(settings) as connection:
        lock = ledger.check_build(connection, run_id)
        if lock["withdrawal"]:
            return Verdict([])
        as_of = lock["as_of"]
        landed = rows(connection, "select warnings from landing.extracts where extract_id = ?", [lock["extract_id"]])
        verdict = Verdict(validate(frames(connection, as_of)))
        document = {
            "as_of": f"{as_of:%Y-%m-%dT%H:%M:%S}+00:00",
            "verdict": "held" if verdict.failed_critical else "passed",
            "accepted": None,
            "checks": verdict.checks,
            "landing_warnings": json.loads(landed[0]["warnings"]),
        }
        folder = settings.report_folder(as_of)
        write_atomically(folder / "quality.json", summary.to_json(document))
        if not verdict.failed_critical:
            ledger.passed(connection, lock)
        else:
            reason = "; ".join(f"{check['check']}: {check['observed']}" for check in verdict.failed_critical)
            ledger.hold(connection, lock["extract_id"], reason)
            weekly_report.write_page(settings, as_of, held_because=reason)
            status.record(settings, connection)
            raise HeldError(
                f"the extract {as_of:%Y-%m-%d} is held, nothing is published: {reason}. "
                f"See {folder / 'quality.json'}; correct the extract and run the week again "
                'with {"reextract": true}.'
            )
    return verdict


def frames(connection: duckdb.DuckDBPyConnection, as_of: datetime) -> dict[str, pd.DataFrame]:
    """Return what the checks look at, by name: slices of the week's marts and of the extract as of `as_of`."""
    found = {
        name: connection.execute(statement(f"quality/{name}"), {"as_of": as_of}).df()
        for name in KEYS
        if name not in ("required_columns", "history")
    }
    found["required_columns"] = _required_columns(connection, as_of)
    weeks = connection.execute(statement("report/sessions_by_week"), {"as_of": as_of}).df().set_index("weeks_ago")
    found["history"] = _history(weeks)
    return found


def _required_columns(connection: duckdb.DuckDBPyConnection, as_of: datetime) -> pd.DataFrame:
    """Return for each required column of the extract how many of its rows are empty."""
    parts = [
        f"select '{table.name}.{column.name}' as \"column\", count(*) as rows, "
        f"count(*) - count({column.name}) as empty from landing.{table.name} "
        "where extract_id = (select extract_id from intermediate.int_extract_pairs where as_of = $as_of)"
        for table in TABLES
        for column in table.landed
        if column.required and column.name not in table.key
    ]
    frame = connection.execute(" union all ".join(parts), {"as_of": as_of}).df()
    frame["empty_share"] = (frame["empty"] / frame["rows"].where(frame["rows"] > 0)).fillna(0.0)
    return frame


def _history(weeks: pd.DataFrame) -> pd.DataFrame:
    """Return the week against the median of the weeks before it: one row, or none without enough history."""
    before = weeks.reindex(range(1, HISTORY_WEEKS + 1))
    if before["sessions"].isna().any() or before["sessions"].min() < ENOUGH_SESSIONS:
        return pd.DataFrame({"sessions_ratio": [], "checkout_pp": []}, dtype=float)
    week = weeks.reindex([0]).fillna(0).iloc[0]
    conversion_before = (before["checkout"] / before["sessions"]).median()
    conversion = week["checkout"] / week["sessions"] if week["sessions"] >= ENOUGH_SESSIONS else None
    return pd.DataFrame(
        {
            "sessions_ratio": [week["sessions"] / before["sessions"].median()],
            "checkout_pp": [None if conversion is None else (conversion - conversion_before) * 100],
        },
        dtype=float,
    )


def suites() -> dict[str, ExpectationSuite]:
    """Return the suite of each frame. Each expectation carries its severity, its id and its meaning in one sentence."""
    # Importing Great Expectations takes seconds: only the task that judges pays for it.
    from great_expectations import ExpectationSuite
    from great_expectations import expectations as gxe

    def check(expectation: Any, id: str, meaning: str, severity: str = "critical", **arguments: Any) -> Any:
        return expectation(severity=severity, meta={"check": id, "meaning": meaning}, **arguments)

    unique, unique_together = gxe.ExpectColumnValuesToBeUnique, gxe.ExpectCompoundColumnsToBeUnique
    between, equal = gxe.ExpectColumnValuesToBeBetween, gxe.ExpectColumnPairValuesToBeEqual
    return {
        name: ExpectationSuite(name=name, expectations=expectations)
        for name, expectations in {
            "sessions": [
                check(unique, "sessions_unique", "Every session is one row of fct_sessions.", column="session_id"),
            ],
            "session_products": [
                check(
                    unique_together,
                    "session_products_unique",
                    "Every pair of session and product is one row of fct_session_products.",
                    column_list=["session_id", "product_id"],
                ),
            ],
            "funnel_daily": [
                check(
                    unique_together,
                    "funnel_daily_unique",
                    "Every day, product, country and state is one row of fct_funnel_daily.",
                    column_list=["session_date", "product_id", "country", "state"],
                ),
                *(
                    check(
                        gxe.ExpectColumnPairValuesAToBeGreaterThanB,
                        f"{step}_within_sessions",
                        f"No more sessions reach {step} than there are.",
                        column_A="sessions",
                        column_B=step,
                        or_equal=True,
                    )
                    for step in STEPS
                ),
            ],
            "order_changes": [
                check(unique, "order_changes_unique", "An order changes once an extract.", column="order_id"),
            ],
            "orders": [
                check(unique, "orders_unique", "Every order of the extract is one row.", column="order_id"),
                check(
                    gxe.ExpectColumnValuesToBeInSet,
                    "orders_have_one_version",
                    "orders_snapshot shows one version of every order of the extract.",
                    column="snapshot_versions",
                    value_set=[1],
                ),
                check(
                    gxe.ExpectColumnValuesToBeInSet,
                    "orders_equal_snapshot",
                    "orders_snapshot shows every order as the extract does.",
                    column="snapshot_content",
                    value_set=["equal"],
                ),
                check(
                    between,
                    "order_total_adds_up",
                    "order_total is order_cost + shipping_cost - discount, within a cent.",
                    severity="warning",
                    column="total_difference",
                    min_value=-0.01,
                    max_value=0.01,
                ),
            ],
            "checkouts": [
                check(
                    gxe.ExpectColumnValuesToNotBeNull,
                    "checkouts_have_orders",
                    "Every checkout has an order in some extract known.",
                    severity="warning",
                    column="order_known_as_of",
                ),
            ],
            "reconciliation": [
                check(
                    equal,
                    "marts_reconcile",
                    "No session, event or order is lost or doubled between the extract and the marts.",
                    column_A="landed",
                    column_B="modelled",
                ),
            ],
            "required_columns": [
                check(
                    between,
                    "required_columns_mostly_filled",
                    "No required column is mostly empty.",
                    column="empty_share",
                    max_value=0.5,
                ),
                check(
                    between,
                    "required_columns_filled",
                    "No required column has an empty value.",
                    severity="warning",
                    column="empty",
                    max_value=0,
                ),
            ],
            "events": [
                check(between, "extract_has_events", "The extract has events.", column="events", min_value=1),
                check(
                    between,
                    "events_stay",
                    "No event of the extract before is gone; one that is stays known.",
                    severity="warning",
                    column="gone",
                    max_value=0,
                ),
                check(
                    between,
                    "events_unchanged",
                    "No event differs from the extract before; the earliest content counts.",
                    severity="warning",
                    column="changed",
                    max_value=0,
                ),
            ],
            "freshness": [
                check(
                    between,
                    "events_fresh",
                    "The extract's newest event is less than two days older than the extract.",
                    severity="warning",
                    column="hours_before_as_of",
                    max_value=48,
                ),
            ],
            "history": [
                check(
                    between,
                    "sessions_near_history",
                    "The week has between half and twice the sessions of the median of the four weeks before.",
                    severity="warning",
                    column="sessions_ratio",
                    min_value=0.5,
                    max_value=2,
                ),
                check(
                    between,
                    "checkout_near_history",
                    "Checkout conversion is within 10 pp of the median of the four weeks before.",
                    severity="warning",
                    column="checkout_pp",
                    min_value=-10,
                    max_value=10,
                ),
            ],
        }.items()
    }


def validate(found: dict[str, pd.DataFrame]) -> list[dict]:
    """Run the suite of each frame over it and return the checks as `quality.json` keeps them.

    Raises RuntimeError where a check could not be evaluated.
    """
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_pandas("week")
    checks: list[dict] = []
    definitions = suites()
    for name, frame in found.items():
        batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe(name)
        # The counts and examples are worked out once, by Great Expectations, over the whole frame.
        results = batch.get_batch({"dataframe": frame}).validate(
            definitions[name],
            result_format={
                "result_format": "SUMMARY",
                "partial_unexpected_count": NAMED_ROWS,
                "unexpected_index_column_names": KEYS[name],
            },
        )
        checks += [_check(name, result) for result in results.results]
    return checks


def _check(frame: str, result: Any) -> dict:
    if result.exception_info and result.exception_info.get("raised_exception", False):
        raise RuntimeError(f"a check on {frame} could not be evaluated: {result.exception_info}")
    config, details = result.expectation_config, result.result
    failing, total = details.get("unexpected_count", 0), details.get("element_count", 0)
    values = ", ".join(_shown(value) for value in details.get("partial_unexpected_list", []))
    return {
        "check": config.meta["check"],
        "relation": frame,
        "severity": str(config.severity.value if hasattr(config.severity, "value") else config.severity),
        "owner": "data-team",
        "meaning": config.meta["meaning"],
        "runbook": f"docs/runbook.md#{config.meta['check']}",
        "passed": bool(result.success),
        "accepted": False,
        "silenced": None,
        "observed": f"{failing:,} of {total:,} rows fail" + (f": {values}" if values else ""),
        "expected": _expected(config.type, config.kwargs),
        "rows": total,
        "failing_rows": failing,
        "examples": [
            {name: _shown(value) for name, value in row.items()}
            for row in details.get("partial_unexpected_index_list") or []
        ],
    }


def _expected(type: str, arguments: dict[str, Any]) -> str:
    """Return what an expectation wants in words, such as `hours_before_as_of at most 48`."""
    column = arguments.get("column", "")
    bounds = [
        f"{words} {_shown(arguments[name])}"
        for name, words in (("min_value", "at least"), ("max_value", "at most"))
        if arguments.get(name) is not None
    ]
    if bounds:
        return f"{column} {' and '.join(bounds)}"
    words = type.removeprefix("expect_").replace("_", " ")
    names = ("column", "column_list", "column_A", "column_B", "value_set")
    return f"{words}: {', '.join(_shown(arguments[name]) for name in names if arguments.get(name))}"


def _shown(value: Any) -> str:
    """Return a value as a person reads it: a pair joined by 'and', a number to 10 digits."""
    if isinstance(value, tuple | list):
        return " and ".join(_shown(part) for part in value)
    return f"{value:,.10g}" if isinstance(value, float) else str(value)
