"""The JSON schema of each file of a report, as `docs/schemas/` keeps it."""

from __future__ import annotations

from pathlib import Path

from greenery.documents import Document, to_json
from greenery.figures.model import Restatement, Summary
from greenery.messages.check_results import CheckResults
from greenery.settings import REPOSITORY

FOLDER = REPOSITORY / "docs" / "schemas"
# The model of each JSON file.
MODELS: dict[str, type[Document]] = {
    "quality.json": CheckResults,
    "restatement.json": Restatement,
    "summary.json": Summary,
}


def schemas() -> dict[Path, str]:
    """Return the text of each schema by its place, such as `docs/schemas/summary.schema.json`."""
    return {
        FOLDER / f"{Path(file).stem}.schema.json": to_json(
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                **model.model_json_schema(mode="serialization"),
            }
        )
        for file, model in MODELS.items()
    }
