"""The rules of the house: which room imports which, and what only one of them may do."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from greenery.settings import REPOSITORY

PACKAGE = REPOSITORY / "include" / "greenery"
# Those beside the settings pass all variables on, to processes of Airflow and to dbt.
READ_THE_ENVIRONMENT = ("settings.py", "local_airflow/", "airflow_settings/")
# Of these Airflow makes DAGs and runs; everything else of airflow.sdk that is used is a connection's hook.
DAG_MODULES = (
    "airflow.models",
    "airflow.operators",
    "airflow.providers.standard",
    "airflow.sensors",
    "airflow.timetables",
)
# What breaks each contract of pyproject.toml: a module and a line to add to it.
BREAKS = {
    "Imports go from entry to policy to work to ground": ("figures/values.py", "import greenery.report.weeks"),
    "No two rooms import each other": ("source/folders.py", "import greenery.warehouse.duckdb"),
    "One module imports Cosmos": ("build/dbt_project.py", "import cosmos"),
    "Only entries, channels and the connection to Snowflake import Airflow": (
        "landing/loading.py",
        "import airflow.sdk",
    ),
    "Figures and messages do no input or output": ("messages/wording.py", "import httpx"),
}


def contracts() -> list[str]:
    """Return the names of the contracts of import-linter."""
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    return [contract["name"] for contract in settings["tool"]["importlinter"]["contracts"]]


def test_each_contract_can_be_broken(tmp_path):
    assert sorted(BREAKS) == sorted(contracts())
    shutil.copytree(PACKAGE, tmp_path / "greenery", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    for file, line in BREAKS.values():
        with (tmp_path / "greenery" / file).open("a", encoding="utf-8") as module:
            module.write(f"\n{line}\n")
    answer = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 1
    assert [name for name in contracts() if f"{name} BROKEN" not in answer.stdout] == [], answer.stdout


def reads_the_environment(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that read environment variables; to set one for a library is no reading."""
    sets = set()
    for node in ast.walk(tree):
        is_item = isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)
        if is_item or (isinstance(node, ast.Attribute) and node.attr == "update"):
            sets.add(node.value)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.getenv") and node not in sets:
            yield node.lineno


def opens_a_database(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that open a database; one of DuckDB without a path lives in memory only."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called == "sqlite3.connect" or (called == "duckdb.connect" and node.args):
                yield node.lineno


def knows_duckdb(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that import DuckDB, or what the warehouse has for DuckDB alone."""
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        if any(re.match(r"(duckdb|greenery\.warehouse\.(duckdb|erasure))\b", name) for name in names):
            yield node.lineno


def imports_dag_classes(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that import what DAGs and tasks are made of; not those for the type checker alone."""
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in for_types:
            continue
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            modules = [node.module]
            if node.module == "airflow.sdk" and any(alias.name != "BaseHook" for alias in node.names):
                yield node.lineno
        if any(module == name or module.startswith(f"{name}.") for module in modules for name in DAG_MODULES):
            yield node.lineno


def uses_private_names(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that use a name with an underscore of another module of the package."""
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("greenery"):
            modules |= {alias.asname or alias.name for alias in node.names}
            if any(alias.name.startswith("_") for alias in node.names):
                yield node.lineno
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in modules and re.match("_[^_]", node.attr):
            yield node.lineno


DIALECT = "from greenery.warehouse.duckdb import open_file"
RULES = [
    (reads_the_environment, READ_THE_ENVIRONMENT, "home = os.environ['GREENERY_HOME']"),
    # The other SQLite file is the metadata of the Airflow that the commands start.
    (opens_a_database, ("warehouse/", "local_airflow/"), "sqlite3.connect('delivery.sqlite')"),
    (opens_a_database, ("warehouse/", "local_airflow/"), "with duckdb.connect(path) as connection: pass"),
    # The files of an extract are read by DuckDB in memory, a shop is simulated by it, and published files are its own.
    (knows_duckdb, ("warehouse/", "landing/", "simulator/", "publishing/", "cli/purge.py"), "import duckdb"),
    (knows_duckdb, ("warehouse/", "landing/", "simulator/", "publishing/", "cli/purge.py"), DIALECT),
    (imports_dag_classes, ("orchestration/",), "from airflow.sdk import BaseHook, task"),
    (imports_dag_classes, ("orchestration/",), "import airflow.timetables.base"),
    (uses_private_names, (), "from greenery.build import locking\nlocking._sorted(text)"),
    (uses_private_names, (), "from greenery.build.locking import _sorted"),
]


@pytest.mark.parametrize(("finds", "allowed", "broken"), RULES)
def test_only_some_modules_do_it(finds, allowed, broken):
    assert list(finds(ast.parse(broken)))
    files = {path.relative_to(PACKAGE).as_posix(): path for path in PACKAGE.rglob("*.py")}
    found = [
        f"{name}:{line}"
        for name, path in sorted(files.items())
        if not name.startswith(allowed)
        for line in finds(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []
