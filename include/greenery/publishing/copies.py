"""A copy of the published tables as a file, for the funnel page: where people read tables, nobody else needs files."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from pathlib import Path

from greenery.build.known import Known
from greenery.publishing import published_tables
from greenery.publishing.versions import nothing_published, recorded_version
from greenery.settings import Settings
from greenery.warehouse.access import batches, connect_to_read
from greenery.warehouse.connection import Connection
from greenery.warehouse.duckdb import open_file
from greenery.warehouse.statements import SQL, statement

# The types of a file, for those of the warehouse. Whole numbers have no more digits than this.
TYPES = {"TEXT": "varchar", "TIMESTAMP_NTZ": "timestamp", "FLOAT": "double"}
WHOLE_NUMBER = re.compile(r"(?:NUMBER|DECIMAL)\(\d+, 0\)")


def newest(settings: Settings) -> Path:
    """Return the folder of the copy of the version that is published now, which is made where it is missing.

    All relations are of one version: if another one is published while they are read, all are read again. Copies of
    other versions are deleted. Raises NothingPublishedError, and UnavailableError where the warehouse can't be opened.
    """
    place = settings.home / "cache" / "published"
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    with connect_to_read(settings) as connection:
        while True:
            version = recorded_version(connection)
            if version is None:
                raise nothing_published(settings)
            folder = place / str(version)
            if folder.is_dir():
                return folder
            with tempfile.TemporaryDirectory(prefix=".copying-", dir=place) as scratch:
                beside = Path(scratch) / str(version)
                beside.mkdir()
                _copy(connection, beside / "greenery.duckdb")
                (beside / "manifest.json").write_text(json.dumps({"version": version}), encoding="utf-8")
                # Another process may have made it meanwhile.
                if recorded_version(connection) == version and not folder.is_dir():
                    beside.rename(folder)
                    for other in place.iterdir():
                        if other.name.isdigit() and other != folder:
                            shutil.rmtree(other)


def _copy(connection: Connection, file: Path) -> None:
    """Copy the relations that the page reads, by parts, so that memory does not grow with them."""
    files = [f"{place}/{path.stem}" for place in ("funnel", "shared") for path in (SQL / place).glob("*.sql")]
    texts = [statement(file, "intermediate", *Known.newest("analytics")) for file in files]
    names = sorted({name for text in texts for name in re.findall(r"\b(?:analytics|intermediate)\.\w+", text)})
    with open_file(file) as copy:
        for schema in ("analytics", "intermediate"):
            copy.execute(f"create schema {schema}")
        for name in names:
            there = published_tables.place(name)
            types = published_tables.columns(connection, there)
            copy.execute(f"create table {name} ({', '.join(f'{one} {_type(kind)}' for one, kind in types.items())})")
            for batch in batches(connection, f"select {', '.join(types)} from {there}"):
                copy.register("batch", batch)
                copy.execute(f"insert into {name} select * from batch")
                copy.unregister("batch")


def _type(kind: str) -> str:
    return "bigint" if WHOLE_NUMBER.fullmatch(kind) else TYPES.get(kind, kind.replace("NUMBER", "decimal"))
