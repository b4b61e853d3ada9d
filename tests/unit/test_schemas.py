"""The JSON schemas of the report's files: they are of the models, and the files keep to them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from greenery.cli import dag_docs
from greenery.cli.docs import docs
from greenery.quality import runbook
from greenery.report import schemas
from jsonschema import Draft202012Validator

from tests.unit import summaries

DOCUMENTS = {
    "quality": (summaries.PASSED, summaries.WARNED, summaries.HELD, summaries.ACCEPTED),
    "restatement": (summaries.RESTATEMENT,),
    "summary": tuple(summaries.EVERY_SUMMARY.values()),
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
        assert list(validator(name).iter_errors(document.document())) == []


def test_a_key_that_is_missing_or_of_another_type_does_not(name):
    document = DOCUMENTS[name][0].document()
    assert [error.validator for error in validator(name).iter_errors(document | {"as_of": 7})] == ["type"]
    del document["as_of"]
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
