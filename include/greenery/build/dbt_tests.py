"""What dbt's tests said of a build: recorded for the quality gate, which counts a failed test as a failed check."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from greenery.settings import load

if TYPE_CHECKING:
    from dbt.artifacts.schemas.results import NodeResult


class TestsBrokenError(Exception):
    """A test could not be run to its end, so nothing is known of what it tests."""


def record(results: Iterable[NodeResult], run_id: str) -> None:
    """Record the results of the run's `dbt test` in the ledger.

    Raises TestsBrokenError where a test did not run.
    """
    # Imported here: the DAG file names this module, and must not load DuckDB.
    from greenery.build import ledger
    from greenery.warehouse.duckdb import connect

    failed = failures(results)
    with connect(load()) as connection:
        ledger.tested(connection, run_id, failed)


def failures(results: Iterable[NodeResult]) -> list[dict]:
    """Return the tests that failed: their name, model, meaning, number of failures and dbt's message, by name.

    results: those of a dbt command; what is no test is passed over, and so is a test that only warns: the gate has
    checks of its own for that. Raises TestsBrokenError where a test did not run.
    """
    tests = [result for result in results if result.node.resource_type == "test"]
    broken = [result for result in tests if result.status not in ("pass", "fail", "warn")]
    if broken:
        lines = "; ".join(f"{result.node.unique_id}: {result.message or result.status}" for result in broken)
        raise TestsBrokenError(f"dbt tests that did not run: {lines}")
    return sorted(
        (_failure(result) for result in tests if result.status == "fail"), key=lambda failure: failure["test"]
    )


def _failure(result: NodeResult) -> dict:
    node: Any = result.node
    # dbt attaches only a test that is written in a model's yml. Another test names its model itself: dbt knows only all
    # that it reads.
    attached = getattr(node, "attached_node", None)
    model = attached.rsplit(".", 1)[-1] if attached else node.config.meta.get("model", "models")
    leading = takewhile(lambda line: line.startswith("--"), node.raw_code.strip().splitlines())
    comment = " ".join(line.removeprefix("--").strip() for line in leading)
    return {
        "test": node.name,
        "model": model,
        "meaning": comment or f"{model} passes dbt's test {node.name}.",
        "failures": result.failures,
        "message": result.message,
    }
