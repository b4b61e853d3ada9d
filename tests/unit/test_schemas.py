"""The JSON schemas of the report's files: they are of the models, and the files keep to them."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import typer
from greenery.cli import dag_docs
from greenery.cli.docs import docs
from greenery.quality import runbook
from greenery.report import schemas
from greenery.report.run_note import RunNote
from jsonschema import Draft202012Validator

from tests.unit import summaries
from tests.unit.digests import HELD_WEEKS

NOTE = RunNote(run_id="r", run_type="manual", url="https://airflow.example/r", restates=(), next_commands=())
# Each as its file has it.
DOCUMENTS = {
    "quality": [found.document() for found in (summaries.PASSED, summaries.WARNED, summaries.HELD, summaries.ACCEPTED)],
    "restatement": [summaries.RESTATEMENT.document()],
    "run": [NOTE.document()],
    "summary": [figures.document() for figures in summaries.EVERY_SUMMARY.values()],
    "weeks": [[], [week.document() for week in HELD_WEEKS]],
}


@pytest.fixture(params=DOCUMENTS)
def name(request):
    return request.param


def validator(name):
    schema = json.loads((schemas.FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def test_every_file_has_documents_here():
    assert {f"{name}.json" for name in DOCUMENTS} == set(schemas.MODELS)


def test_files_keep_to_their_schema(name):
    for document in DOCUMENTS[name]:
        assert list(validator(name).iter_errors(document)) == []


def test_a_key_that_is_missing_or_of_another_type_does_not(name):
    document = copy.deepcopy(DOCUMENTS[name][-1])
    row = document[0] if isinstance(document, list) else document
    first = next(iter(row))
    row[first] = 7
    assert [error.validator for error in validator(name).iter_errors(document)] == ["type"]
    del row[first]
    assert [error.validator for error in validator(name).iter_errors(document)] == ["required"]


def test_drift_is_found_and_mended(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(schemas, "FOLDER", tmp_path / "schemas")
    for page in (dag_docs, runbook):
        monkeypatch.setattr(page, "render", lambda page=page: page.PAGE.read_text(encoding="utf-8"))

    def drifted() -> set[str]:
        """Return the files that the check names when it fails."""
        with pytest.raises(typer.Exit) as ended:
            docs(check=True)
        assert ended.value.exit_code == 1
        return {Path(line.split(" differs ")[0]).name for line in capsys.readouterr().err.splitlines()}

    assert drifted() == {path.name for path in schemas.schemas()}
    docs()
    docs(check=True)
    (tmp_path / "schemas" / "summary.schema.json").write_text("{}", encoding="utf-8")
    (tmp_path / "schemas" / "gone.schema.json").write_text("{}", encoding="utf-8")
    assert drifted() == {"gone.schema.json", "summary.schema.json"}
    docs()
    docs(check=True)
