"""The expectations that suites use: those of Great Expectations, and our own where it has none.

Our own judge a share and allow for chance, a table of shares, and a week against the weeks before. They use the
extension point of Great Expectations, a subclass and a metric. The shares read two of its metrics by name, so its
version is pinned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar

import sqlalchemy as sa
from great_expectations.execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations import (
    ExpectColumnMaxToBeBetween,
    ExpectColumnPairValuesAToBeGreaterThanB,
    ExpectColumnPairValuesToBeEqual,
    ExpectColumnValuesToBeBetween,
    ExpectColumnValuesToBeInSet,
    ExpectColumnValuesToBeNull,
    ExpectColumnValuesToBeUnique,
    ExpectColumnValuesToNotBeInSet,
    ExpectColumnValuesToNotBeNull,
    ExpectCompoundColumnsToBeUnique,
    UnexpectedRowsExpectation,
)
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
from great_expectations.expectations.row_conditions import Column, Condition
from statsmodels.stats.proportion import proportion_confint

from greenery.quality import history

__all__ = [
    "Column",
    "ExpectColumnMaxToBeBetween",
    "ExpectColumnPairValuesAToBeGreaterThanB",
    "ExpectColumnPairValuesToBeEqual",
    "ExpectColumnValuesToBeBetween",
    "ExpectColumnValuesToBeInSet",
    "ExpectColumnValuesToBeNull",
    "ExpectColumnValuesToBeUnique",
    "ExpectColumnValuesToNotBeInSet",
    "ExpectColumnValuesToNotBeNull",
    "ExpectCompoundColumnsToBeUnique",
    "UnexpectedRowsExpectation",
]

# Chance alone makes a share exceed its limit once in ten thousand weeks.
CONFIDENCE = 0.9999


def is_true(column: str) -> Condition:
    """Return the condition that a column is true. A row in which the column is empty does not meet it."""
    return Column(column) == True  # noqa: E712


def surely(failing: int, looked_at: int) -> float:
    """Return the share (0 to 1) of failing rows that chance does not explain.

    It is the lower end of the exact one-sided interval of the share: C. J. Clopper and E. S. Pearson, "The use of
    confidence or fiducial limits illustrated in the case of the binomial", Biometrika 26 (1934), 404-413.
    """
    if not failing:
        return 0.0
    low, _ = proportion_confint(failing, looked_at, alpha=2 * (1 - CONFIDENCE), method="beta")
    return float(low)


class _ChanceAside:
    """Changes an expectation with `mostly`: it fails only if more rows fail than limit and chance together allow."""

    map_metric: ClassVar[Any]
    mostly: Any

    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        found = super()._validate(metrics, runtime_configuration, execution_engine)  # type: ignore[misc]
        looked_at, failing = metrics["table.row_count"], metrics[f"{self.map_metric}.unexpected_count"] or 0
        if f"{self.map_metric}.filtered_row_count" in metrics:
            looked_at = metrics[f"{self.map_metric}.filtered_row_count"]
        elif "null" not in self.map_metric:  # empty values count only in expectations about empty values
            looked_at -= metrics["column_values.nonnull.unexpected_count"] or 0
        # 1 - 0.9 is a little more than 0.1.
        return {**found, "success": surely(failing, looked_at) <= round(1 - self.mostly, 9)}


class ExpectMostColumnValuesToBeInSet(_ChanceAside, ExpectColumnValuesToBeInSet):
    """Few values are outside of a set, allowing for chance."""


class ExpectMostColumnValuesToNotBeInSet(_ChanceAside, ExpectColumnValuesToNotBeInSet):
    """Few values are in a set, allowing for chance."""


class ExpectMostColumnValuesToBeBetween(_ChanceAside, ExpectColumnValuesToBeBetween):
    """Few values are out of bounds, allowing for chance."""


class ExpectMostColumnValuesToNotBeNull(_ChanceAside, ExpectColumnValuesToNotBeNull):
    """Few values are empty, allowing for chance."""


class ExpectMostColumnValuesToBeNull(_ChanceAside, ExpectColumnValuesToBeNull):
    """Few values are not empty, allowing for chance."""


class ExpectMostColumnPairValuesAToBeGreaterThanB(_ChanceAside, ExpectColumnPairValuesAToBeGreaterThanB):
    """Few pairs are the wrong way round, allowing for chance."""


class ExpectMostColumnPairValuesToBeEqual(_ChanceAside, ExpectColumnPairValuesToBeEqual):
    """Few pairs differ, allowing for chance."""


class BatchRows(TableMetricProvider):
    """The rows of a small batch as dicts; expectations of the same batch share them."""

    metric_name = "table.rows_of_the_batch"
    value_keys = ()

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, execution_engine: Any, metric_domain_kwargs: dict[str, Any], **_: Any) -> list[dict[str, Any]]:
        batch = execution_engine.get_domain_records(domain_kwargs=metric_domain_kwargs)
        query = sa.select(sa.text("*")).select_from(batch)
        return [dict(row) for row in execution_engine.execute_query(query).mappings()]


class _OfSmallBatch(BatchExpectation):
    """An expectation that reads all rows of a batch."""

    metric_dependencies: ClassVar[tuple[str, ...]] = (BatchRows.metric_name,)
    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id",)

    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        looked_at, failing = self.failing(metrics[BatchRows.metric_name])
        # The names are those of expectations that look at rows one by one. Results become JSON, so values are plain.
        result = {"element_count": len(looked_at), "unexpected_count": len(failing), "unexpected_rows": failing}
        return {"success": not failing, "result": {**result, "details": {"looked_at": looked_at}}}

    def failing(self, rows: list[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Return the facts that were compared in the rows of a batch, and those of them that fail."""
        raise NotImplementedError


class ExpectSharesNotToExceed(_OfSmallBatch):
    """In no row is `part` more than a share of `whole`, allowing for chance."""

    part: str
    whole: str
    at_most: float

    success_keys: ClassVar[tuple[str, ...]] = ("part", "whole", "at_most")

    def failing(self, rows: list[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Return all rows, and those whose share is larger."""
        found = [dict(row) for row in rows]
        return found, [row for row in found if surely(row[self.part], row[self.whole]) > self.at_most]


class ExpectFiguresNearTheWeeksBefore(_OfSmallBatch):
    """The week's figures are within bounds of the values expected from the weeks before.

    reading: a key of `history.READINGS`. A difference that chance explains counts as none.
    """

    reading: str
    unit: str
    as_of: Any = None
    min_value: float | None = None
    max_value: float | None = None

    success_keys: ClassVar[tuple[str, ...]] = ("reading", "unit", "as_of", "min_value", "max_value")

    def failing(self, rows: list[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Return the readings, and those out of bounds."""
        readings = history.READINGS[self.reading](rows, self._get_success_kwargs()["as_of"])
        low, high = self.min_value, self.max_value
        failing = [
            reading
            for reading in readings
            if (high is not None and reading.value > high) or (low is not None and reading.value < low)
        ]
        return [asdict(reading) for reading in readings], [asdict(reading) for reading in failing]
