"""Documents: the typed, immutable content of a JSON file. The same content is always the same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema

Moment = Annotated[
    datetime,
    PlainSerializer(datetime.isoformat, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A time with its zone; in JSON as `2023-02-01T00:00:00+00:00`."""


class Document(BaseModel):
    """The content of a JSON file, or of a part of it.

    Keys of another version of the code are kept, so that its files can be read and compared.
    """

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)

    def document(self) -> dict[str, Any]:
        """Return the content in the form of the JSON file: dicts, lists, texts and numbers."""
        return self.model_dump(mode="json", by_alias=True)


def to_json(content: Document | Mapping[str, Any]) -> str:
    """Return the text of a JSON file: UTF-8, indented."""
    plain = content.document() if isinstance(content, Document) else content
    # Pydantic writes small numbers differently, and the files of earlier weeks were written with Python's json.
    return json.dumps(plain, ensure_ascii=False, indent=2) + "\n"
