"""The task of a model notes that the model is built, after dbt has built it and only then."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from airflow.sdk import DAG
from cosmos.exceptions import CosmosDbtRunError
from greenery.orchestration import dbt_models, tasks
from greenery.settings import Settings

MODEL, PARENT = "fct_funnel_daily", "model.greenery.fct_sessions"


class Results(list[Any]):
    """As dbt has them: a list that also has a name."""

    @property
    def results(self) -> Results:
        return self


def notes(home: Settings, monkeypatch, status: str) -> MagicMock:
    """Return what the task notes of a model that dbt gives this status, unless the task fails."""
    node = SimpleNamespace(name=MODEL, depends_on=SimpleNamespace(nodes=[PARENT]))
    result = SimpleNamespace(status=status, message="Conversion Error", node=node)
    found = SimpleNamespace(success=status == "success", exception=None, result=Results([result]))
    monkeypatch.setenv("GREENERY_HOME", str(home.home))
    monkeypatch.setattr(tasks, "begin_model", begun := MagicMock())

    def run(*_, **__):
        assert [call.args[2] for call in begun.call_args_list] == [MODEL], "its note goes before dbt runs it"
        return found

    monkeypatch.setattr(dbt_models.ParsedBefore, "run_dbt_runner", run)
    monkeypatch.setattr(tasks, "check_project", noted := MagicMock())
    with DAG("weekly", schedule=None, start_date=datetime(2023, 1, 11)):
        found_tasks = {task.task_id: task for task in dbt_models.dbt_models(home, "false").iter_tasks()}
    task = found_tasks[f"dbt.{MODEL}_run"]
    task.full_refresh = False
    if status == "success":
        task.execute({"run_id": "run", "ti": MagicMock(), "task_instance": MagicMock()})
    else:
        with pytest.raises(CosmosDbtRunError, match=f"{MODEL}: Conversion Error"):
            task.execute({"run_id": "run", "ti": MagicMock(), "task_instance": MagicMock()})
    return noted


def test_a_model_that_is_built_is_noted(home, monkeypatch):
    [call] = notes(home, monkeypatch, "success").call_args_list
    assert call.args[2] == {MODEL: [PARENT]}


def test_a_model_that_fails_is_not_noted(home, monkeypatch):
    """Cosmos calls its callbacks before it raises."""
    assert not notes(home, monkeypatch, "error").called
