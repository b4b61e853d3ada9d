"""The JSON schema of each file of a report, as `docs/schemas/` keeps it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from greenery.documents import to_json
from greenery.figures.model import Summary
from greenery.figures.restatement_model import Restatement
from greenery.messages.check_results import CheckResults
from greenery.report.run_note import RunNote
from greenery.report.weeks import WEEKS
from greenery.settings import REPOSITORY

FOLDER = REPOSITORY / "docs" / "schemas"
# The model of each JSON file.
MODELS: dict[str, TypeAdapter[Any]] = {
    "quality.json": TypeAdapter(CheckResults),
    "restatement.json": TypeAdapter(Restatement),
    "run.json": TypeAdapter(RunNote),
    "summary.json": TypeAdapter(Summary),
    "weeks.json": WEEKS,
}


def schemas() -> dict[Path, str]:
    """Return the text of each schema by its place, such as `docs/schemas/summary.schema.json`."""
    return {
        FOLDER / f"{Path(file).stem}.schema.json": to_json(
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                **model.json_schema(mode="serialization"),
            }
        )
        for file, model in MODELS.items()
    }
