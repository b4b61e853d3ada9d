"""What dbt's tests said of a build: recorded for the quality gate, which counts a failed test as a failed check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from greenery.build.project import MANIFEST
from greenery.settings import load


class TestsBrokenError(Exception):
    """A test could not be run to its end, so nothing is known of what it tests."""


def record(project: str, context: Any) -> None:
    """Record the results of the run's `dbt test` in the ledger; Cosmos calls this after the command.

    project: the folder in which dbt ran. Raises TestsBrokenError where a test did not run.
    """
    # Imported here: the DAG file names this function, and must not load DuckDB.
    from greenery.build import ledger
    from greenery.warehouse.duckdb import connect

    results = json.loads((Path(project) / "target" / "run_results.json").read_text(encoding="utf-8"))["results"]
    failed = failures(results)
    with connect(load()) as connection:
        ledger.tested(connection, context["run_id"], failed)


def failures(results: list[dict], manifest: Path = MANIFEST) -> list[dict]:
    """Return the tests that failed: their name, model, meaning, number of failures and dbt's message, by name.

    results: of dbt's run_results.json; what is no test is passed over, and so is a test that only warns: the gate
    has checks of its own for that. Raises TestsBrokenError where a test did not run.
    """
    tests = [result for result in results if result["unique_id"].startswith("test.")]
    broken = [result for result in tests if result["status"] not in ("pass", "fail", "warn")]
    if broken:
        lines = "; ".join(f"{result['unique_id']}: {result['message'] or result['status']}" for result in broken)
        raise TestsBrokenError(f"dbt tests that did not run: {lines}")
    failed = [result for result in tests if result["status"] == "fail"]
    nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"] if failed else {}
    return sorted((_failure(result, nodes.get(result["unique_id"], {})) for result in failed), key=lambda f: f["test"])


def _failure(result: dict, node: dict) -> dict:
    name = node.get("name", result["unique_id"].split(".")[2])
    model = node.get("attached_node") or next(iter(node.get("depends_on", {}).get("nodes", [])), "models")
    model = model.rsplit(".", 1)[-1]
    comment = " ".join(
        line.removeprefix("--").strip()
        for line in node.get("raw_code", "").strip().splitlines()
        if line.startswith("--")
    )
    return {
        "test": name,
        "model": model,
        "meaning": comment or f"{model} passes dbt's test {name}.",
        "failures": result["failures"],
        "message": result["message"],
    }
