"""The note on a run that restates published weeks."""

import importlib.util
import json
import sys
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from greenery import settings
from greenery.files import write_atomically

AS_OF = datetime(2023, 1, 25)


@pytest.fixture(scope="module")
def plugin():
    """Load the plugin by its path, as Airflow does."""
    path = settings.REPOSITORY / "plugins" / "greenery_run_notes.py"
    spec = importlib.util.spec_from_file_location("greenery_run_notes_tested", path)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(sys.modules, spec.name, module)  # where the plugin looks itself up
        spec.loader.exec_module(module)
    return module


def run(run_id="run-1", note=None):
    return SimpleNamespace(
        dag_id=settings.DAG_ID, run_id=run_id, note=note, data_interval_end=AS_OF.replace(tzinfo=UTC), run_after=None
    )


@pytest.fixture
def restating(home, monkeypatch):
    monkeypatch.setenv("GREENERY_HOME", str(home.home))
    facts = {"run_id": "run-1", "restates": ["2023-02-01"], "next_commands": ["make backfill FROM=2023-02-01"]}
    write_atomically(home.report_folder(AS_OF) / "run.json", json.dumps(facts))


@pytest.mark.parametrize("hook", ["on_dag_run_success", "on_dag_run_failed"])
@pytest.mark.usefixtures("restating")
def test_says_which_weeks_it_restates_however_the_run_ends(plugin, hook):
    ended = run(note="mine")
    for _ in range(2):
        getattr(plugin, hook)(dag_run=ended, msg="")
    assert ended.note == (
        "mine\n\nPublished weeks whose report would differ now: 2023-02-01. To restate them:\n\n"
        "`make backfill FROM=2023-02-01`"
    )


@pytest.mark.usefixtures("restating")
def test_a_run_that_published_nothing_has_none(plugin):
    ended = run("run-2")
    plugin.on_dag_run_failed(dag_run=ended, msg="")
    assert ended.note is None
