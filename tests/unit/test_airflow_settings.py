"""What Airflow's metadata database does on SQLite, and what the scheduler does before it forks."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from greenery.airflow_settings import airflow_local_settings
from greenery.airflow_settings.airflow_local_settings import create_metadata_engine
from greenery.build import dbt_manifest, dbt_project
from greenery.settings import REPOSITORY
from sqlalchemy import text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Task(Base):
    __tablename__ = "task"
    key: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]


def test_a_decision_on_a_task_that_was_cleared_meanwhile_is_dropped(tmp_path):
    engine = create_metadata_engine(f"sqlite:///{tmp_path / 'airflow.db'}", engine_args={}, connect_args={})
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Task(key="first try", state="none"))
        session.commit()
    with Session(engine) as session:
        task = session.get_one(Task, "first try")
        session.execute(text("update task set key = 'second try'"))  # as the api-server does
        task.state = "upstream_failed"
        session.commit()
        assert session.execute(text("select key, state from task")).all() == [("second try", "none")]


CONNECTION = json.dumps(
    {"conn_type": "snowflake", "login": "greenery", "password": "secret", "extra": {"account": "a", "database": "shop"}}
)


@pytest.mark.parametrize(
    ("component", "variables", "expected"),
    [
        ("scheduler", {}, "dbt: True, parsed: True"),
        ("scheduler", {"GREENERY_WEEK_ENDS_ON": "caturday"}, "dbt: True, parsed: False"),  # the DAG file says so
        ("triggerer", {}, "dbt: False, parsed: False"),
        # The connection names the database. Nobody logs in.
        (
            "scheduler",
            {"GREENERY_TARGET": "snowflake", "AIRFLOW_CONN_GREENERY_WAREHOUSE": CONNECTION},
            "dbt: True, parsed: True",
        ),
        ("scheduler", {"GREENERY_TARGET": "snowflake"}, "dbt: True, parsed: False"),
    ],
    ids=["scheduler", "wrong setting", "triggerer", "Snowflake", "Snowflake without its connection"],
)
def test_the_scheduler_alone_parses_the_project_before_it_forks(tmp_path, component, variables, expected):
    script = (
        f"import sys; sys.argv = ['airflow', '{component}']\n"
        "import airflow_local_settings\n"
        "from greenery.build import dbt_manifest\n"
        "print('dbt: {}, parsed: {}'.format('dbt' in sys.modules, dbt_manifest._kept is not None))"
    )
    path = os.pathsep.join((str(REPOSITORY / "include"), str(REPOSITORY / "include" / "greenery" / "airflow_settings")))
    environment = {
        **os.environ,
        "PYTHONPATH": path,
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "GREENERY_HOME": str(tmp_path / "home"),
        **variables,
    }
    found = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == expected
    # Nothing may hold the warehouse open in the process that every task comes from.
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("text", [None, "", '{"nodes": {'], ids=["missing", "empty", "half written"])
def test_the_scheduler_starts_without_a_parsed_project(tmp_path, monkeypatch, text):
    """The DAG file says so, and the scheduler still serves all other DAGs."""
    file, kept = tmp_path / "manifest.json", []
    if text is not None:
        file.write_text(text, encoding="utf-8")
    monkeypatch.setattr(dbt_project, "MANIFEST", file)
    monkeypatch.setattr(dbt_manifest, "keep", kept.append)
    monkeypatch.setattr(airflow_local_settings, "PRELOADED", ())
    airflow_local_settings.preload()
    assert kept
