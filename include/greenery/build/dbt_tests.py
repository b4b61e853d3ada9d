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
    """A dbt test broke off without a result, or no test has run."""


def record_results(results: Iterable[NodeResult], run_id: str) -> None:
    """Record the results of the run's `dbt test`.

    Raises TestsBrokenError if a test did not run, LockLostError if the run no longer holds the lock.
    """
    failed = failures(results)
    with connect(load()) as connection:
        tested(connection, run_id, failed)


def failures(results: Iterable[NodeResult]) -> list[FailedTest]:
    """Return the tests that failed, sorted by name.

    results: the results of a dbt command. Results of models are ignored, and so are tests that only warn: the gate has
        its own checks for these.

    Raises TestsBrokenError if a test did not run, or if there is no test, which dbt would count as success.
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
    # dbt knows the model of a test only if the test is in the yml of the model. Other tests name their model in `meta`.
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
