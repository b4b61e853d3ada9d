"""`make bench` runs: its first week, measured as all are."""

from __future__ import annotations

from dbt.adapters.duckdb.environments import local as dbt_duckdb
from greenery.simulator.shop import Shop, simulate

from tests.bench import growth


def test_a_week_is_measured(home, monkeypatch):
    # It counts what dbt's statements cost by replacing this; put back when the test ends.
    monkeypatch.setattr(dbt_duckdb.DuckDBCursorWrapper, "execute", dbt_duckdb.DuckDBCursorWrapper.execute)
    simulate(Shop(growth.FIRST, weeks=1, sessions_per_week=50), home.extracts)
    (figures,) = growth.measure(home, 1, {1}, print)
    assert figures["rows written"] > 0
    assert all(figures[step] > 0 for step in growth.SECONDS)
