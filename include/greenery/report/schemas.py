"""Write the JSON schema of each file of a report into `docs/schemas/`, or say that one has drifted from its model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from greenery.documents import to_json
from greenery.figures.model import Restatement, Summary
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


def drifted() -> list[Path]:
    """Return the schemas in the repository that differ from their models, and files there that have none."""
    wanted = schemas()
    kept = {path: path.read_text(encoding="utf-8") for path in FOLDER.glob("*")}
    return sorted(path for path in wanted.keys() | kept.keys() if wanted.get(path) != kept.get(path))


def main() -> int:
    """Write the schemas; with `--check` only compare them, and return 1 where one has drifted."""
    if "--check" in sys.argv:
        for path in drifted():
            name = path.relative_to(REPOSITORY)
            print(f"{name} differs from the models: run make docs and commit it.", file=sys.stderr)
        return 1 if drifted() else 0
    FOLDER.mkdir(exist_ok=True)
    for path, text in schemas().items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(REPOSITORY)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
