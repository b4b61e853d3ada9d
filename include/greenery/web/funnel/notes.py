"""The notes that the charts show: events such as a release or a campaign, with their days."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import TypeAdapter, ValidationError

from greenery.web.funnel.model import Note

FILE = Path(__file__).with_name("notes.yml")
_NOTES = TypeAdapter(tuple[Note, ...])


class NotesError(ValueError):
    """The file of notes can't be used."""


def read(file: Path = FILE) -> tuple[Note, ...]:
    """Return the notes, oldest first.

    Raises NotesError, which names the file, the entry and what is wrong with it.
    """
    try:
        notes = _NOTES.validate_python(yaml.safe_load(file.read_text(encoding="utf-8")) or [])
    except yaml.YAMLError as error:
        raise NotesError(f"{file} is not YAML: {error}") from None
    except ValidationError as error:
        problems = "; ".join(f"entry {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise NotesError(f"{file}: {problems}. An entry has a day, a kind and a text.") from None
    return tuple(sorted(notes, key=lambda note: note.day))
