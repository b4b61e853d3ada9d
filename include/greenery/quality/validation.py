"""Great Expectations validates the suites in the warehouse itself. Only counts and a few failing rows leave it.

The rows of each suite are made as a temporary table and validated. If a check fails, a few of its rows are read as
examples. Then the table is dropped. The statements in include/sql/quality read only what was known at the week's end.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from greenery.build.known import Known, known
from greenery.quality.findings import NAMED_ROWS, Finding, finding
from greenery.quality.history import WEEKS
from greenery.quality.suite import Check, Suite
from greenery.quality.suites import SUITES
from greenery.source.tables import STEPS
from greenery.warehouse.access import data_source, keep
from greenery.warehouse.connection import Connection, rows
from greenery.warehouse.statements import statement
from greenery.week import WEEK

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.data_context import EphemeralDataContext
    from great_expectations.datasource.fluent import SQLDatasource
    from great_expectations.datasource.fluent.interfaces import Batch
    from great_expectations.expectations.expectation import Expectation

# Temporary tables, made in this order, because later statements read earlier tables.
BASE = {
    "week": "quality/base/week",
    "sessions": "shared/known_sessions",
    "session_products": "quality/base/session_products",
    "funnel_cells": "quality/base/funnel_cells",
    "new_events": "quality/base/new_events",
    "orders": "quality/base/orders",
    "order_events": "quality/base/order_events",
}
STATUSES = ("preparing", "shipped", "delivered")
# Results that count failing rows, and name none.
COUNTS = {"result_format": "BASIC", "partial_unexpected_count": 0}


def validate(connection: Connection, as_of: datetime) -> dict[str, Finding]:
    """Return the finding of each check in the week that ends at `as_of` (naive UTC), by the id of the check.

    Raises RuntimeError if a check could not be evaluated.
    """
    sessions = make_base(connection, as_of)
    given = parameters(connection, as_of)
    source = ephemeral_context().data_sources.add_sql(name="warehouse", **data_source(connection))
    found: dict[str, Finding] = {}
    for suite in SUITES:
        make(connection, suite, as_of, sessions)
        found |= findings_of(connection, source, suite, given)
        connection.execute(f"drop table {table(suite)}")
    return found


def findings_of(
    connection: Connection, source: SQLDatasource, suite: Suite, given: dict[str, Any]
) -> dict[str, Finding]:
    """Return the finding of each check of a suite, by the check's id. The finding of a failed check names a few rows.

    source: the data source on `connection`. given: the result of `parameters`.

    Raises RuntimeError if a check could not be evaluated.
    """
    asset = source.add_table_asset(name=suite.name, table_name=table(suite))
    batch = asset.add_batch_definition_whole_table(suite.name).get_batch()
    results = results_of(batch, suite, suite.checks, given, COUNTS)
    failed = [check for check in suite.checks if not results[check.id].success]
    if failed and suite.keys:
        # Sorted by key, so that the same rows are named every time.
        order = ", ".join(suite.keys)
        keep(connection, table(suite), f"select * from {table(suite)} order by {order}")
        for check in failed:
            results |= results_of(batch, suite, (check,), given, _with_examples(suite, check))
    # For a query, and for one figure of a column, Great Expectations does not return how many rows it looked at.
    size = 0
    if any("element_count" not in result.result for result in results.values()):
        size = rows(connection, f"select count(*) as size from {table(suite)}")[0]["size"]
    return {check.id: finding(suite, results[check.id], size) for check in suite.checks}


def table(suite: Suite) -> str:
    """Return the name of the temporary table with a suite's rows."""
    return f"quality_rows_{suite.name}"


def make_base(connection: Connection, as_of: datetime) -> Known:
    """Make the temporary tables that the statements of the suites read.

    Return the relations that show the sessions of the weeks with which the week is compared. The week's own sessions
    are worked out from their steps, because they are compared with the marts too.
    """
    for name, place in BASE.items():
        _keep(connection, f"quality_{name}", statement(place), as_of)
    first = as_of - (1 + WEEKS) * WEEK
    return known(connection, as_of, "marts", "intermediate", since=first, products_since=first)


def make(connection: Connection, suite: Suite, as_of: datetime, sessions: Known) -> None:
    """Make the rows of a suite as a temporary table. sessions: the result of `make_base`."""
    if suite.statement is None:
        _keep(connection, table(suite), statement(f"quality/rows/{suite.name}", "intermediate", *sessions), as_of)
    else:
        text, values = suite.statement(connection)
        keep(connection, table(suite), text, values)


def _keep(connection: Connection, name: str, text: str, as_of: datetime) -> None:
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    given = {"as_of": as_of, "since": as_of - WEEK}
    keep(connection, name, code, {key: value for key, value in given.items() if f"${key}" in code} or None)


def parameters(connection: Connection, as_of: datetime) -> dict[str, Any]:
    """Return the values of the suites' parameters, by name.

    Statuses and event types that the extract before has are known ones too: they are normal in this shop.
    """

    def known(name: str, column: str, *always: str) -> list[str]:
        query = (
            f"select distinct landed.{column} as name from quality_week inner join landing.{name} as landed "
            f"on quality_week.previous_extract_id = landed.extract_id where landed.{column} is not null"
        )
        return sorted({*always, *(row["name"] for row in rows(connection, query))})

    return {
        "as_of": as_of,
        "statuses": known("orders", "status", *STATUSES),
        "event_types": known("events", "event_type", *STEPS),
    }


def ephemeral_context() -> EphemeralDataContext:
    """Return a context of Great Expectations that stores, shows and sends nothing: results go to quality.json."""
    # The import takes seconds, so only the task that judges makes it.
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def expectation(check: Check) -> Expectation:
    """Return the expectation of a check, with the facts about the check in its fields and in `meta`."""
    from great_expectations.expectations.metadata_types import FailureSeverity

    from greenery.quality import expectations

    meta = {
        "check": check.id,
        "owner": check.owner,
        "remedy": check.remedy,
        "acceptable": check.acceptable,
        "covers": list(check.covers),
        "runbook": check.runbook,
    }
    facts = {"severity": FailureSeverity(check.severity), "description": check.meaning, "meta": meta}
    return check.expectation(expectations).copy(update={**facts, "notes": f"Look at {check.look}."})


def expectation_suite(suite: Suite, checks: Iterable[Check]) -> ExpectationSuite:
    """Return a new suite of Great Expectations with these checks. An expectation can belong to one suite only."""
    from great_expectations import ExpectationSuite

    return ExpectationSuite(name=suite.name, expectations=[expectation(check) for check in checks])


def results_of(
    batch: Batch, suite: Suite, checks: Iterable[Check], given: dict[str, Any], form: dict[str, Any]
) -> dict[str, ExpectationValidationResult]:
    """Return the results of checks on a batch, by the id of the check.

    given: the values of the suites' parameters. form: the result format of Great Expectations.

    Raises RuntimeError if a check could not be evaluated, because such a check neither passes nor fails.
    """
    validated = batch.validate(expectation_suite(suite, checks), expectation_parameters=given, result_format=form)
    results = {}
    for result in validated.results:
        infos = result.exception_info or {}
        # If a metric raised, the exceptions are listed by metric. Otherwise there is one for the whole expectation.
        raised = [info for info in (infos, *infos.values()) if isinstance(info, dict) and info.get("raised_exception")]
        if raised or result.expectation_config is None:
            raise RuntimeError(f"a check of {suite.name} could not be evaluated: {raised}")
        results[result.expectation_config.meta["check"]] = result
    return results


def _with_examples(suite: Suite, check: Check) -> dict[str, Any]:
    """Return the result format that names a few failing rows. For a query only the complete format has the rows."""
    from greenery.quality.expectations import UnexpectedRowsExpectation

    return {
        "result_format": "COMPLETE" if isinstance(expectation(check), UnexpectedRowsExpectation) else "SUMMARY",
        "unexpected_index_column_names": list(suite.keys),
        "partial_unexpected_count": NAMED_ROWS,
    }
