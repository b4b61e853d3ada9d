"""The results of dbt's tests on a build. The quality gate counts a failed test as a failed check."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from dbt.artifacts.resources.types import NodeType

from greenery.build.record import FailedTest, tested
from greenery.settings import load
from greenery.warehouse.access import connect

if TYPE_CHECKING:
    from dbt.artifacts.schemas.results import NodeResult


class TestsBrokenError(Exception):
    """A test broke off, so it has no result, or no test has run."""


def record_results(results: Iterable[NodeResult], run_id: str) -> None:
    """Record the results of the run's `dbt test`.

    Raises TestsBrokenError where a test did not run.
    """
    failed = failures(results)
    with connect(load()) as connection:
        tested(connection, run_id, failed)


def failures(results: Iterable[NodeResult]) -> list[FailedTest]:
    """Return the tests that failed, by name.

    results: those of a dbt command; what is no test is passed over, and so is a test that only warns: the gate has
    checks of its own for that. Raises TestsBrokenError where a test did not run, or there is none: dbt takes that for
    success.
    """
    tests = [result for result in results if result.node.resource_type == NodeType.Test]
    broken = [result for result in tests if result.status not in ("pass", "fail", "warn")]
    if broken:
        lines = "; ".join(f"{result.node.unique_id}: {result.message or result.status}" for result in broken)
        raise TestsBrokenError(f"dbt tests that did not run: {lines}")
    if not tests:
        raise TestsBrokenError("dbt has run no test: include/dbt/tests, or a variable DBT_…, leaves all of them out.")
    return sorted((_failure(result) for result in tests if result.status == "fail"), key=lambda failure: failure.test)


def _failure(result: NodeResult) -> FailedTest:
    node: Any = result.node
    # dbt attaches only a test that is written in a model's yml. Another test names its model itself: dbt knows only all
    # that it reads.
    attached = getattr(node, "attached_node", None)
    model = attached.rsplit(".", 1)[-1] if attached else node.config.meta.get("model", "models")
    leading = takewhile(lambda line: line.startswith("--"), node.raw_code.strip().splitlines())
    comment = " ".join(line.removeprefix("--").strip() for line in leading)
    return FailedTest(
        test=node.name,
        model=model,
        meaning=comment or f"{model} passes dbt's test {node.name}.",
        failures=result.failures,
        message=result.message,
    )
