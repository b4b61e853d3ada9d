"""The dbt project by itself: its unit tests, and that every model and column is described."""

from __future__ import annotations

import json

import pytest
from greenery.build.dbt_project import PROJECT
from greenery.settings import Settings
from greenery.warehouse.access import connect

from tests.pipeline import dbt, write_manifest


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Settings:
    """An empty warehouse in which all models are built."""
    folder = tmp_path_factory.mktemp("project")
    home = Settings(home=folder / "home", extracts=folder / "extracts")
    with connect(home):
        pass
    dbt(home, "run")
    return home


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> dict:
    return json.loads(write_manifest(tmp_path_factory.mktemp("manifest")).read_text())


def test_unit_tests(home, manifest):
    assert len(manifest["unit_tests"]) >= 19
    dbt(home, "test", "--select", "test_type:unit")


def test_data_tests_pass_on_an_empty_warehouse(home):
    dbt(home, "test", "--select", "test_type:data")


def test_every_model_says_its_grain_and_every_column_its_meaning(home, manifest):
    with connect(home) as connection:
        found = connection.execute("select table_name, column_name from information_schema.columns").fetchall()
    models = {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}
    assert set(models) == {path.stem for path in PROJECT.glob("models/**/*.sql")}
    for name, model in models.items():
        assert model["description"].lower().startswith(("one row", "each row")), name
        columns = {column for table, column in found if table == name} or set(model["columns"])
        assert set(model["columns"]) == columns, name
        assert all(column["description"] for column in model["columns"].values()), name


def test_no_model_has_hooks(manifest):
    """On a warehouse that commits each statement by itself, a hook and its model could be apart."""
    for node in manifest["nodes"].values():
        assert not node["config"].get("pre-hook"), node["name"]
        assert not node["config"].get("post-hook"), node["name"]


def test_the_digest_is_an_exposure(manifest):
    assert {exposure["name"] for exposure in manifest["exposures"].values()} == {"weekly_digest"}
