"""Find the extract of a week where the settings say: in a folder, or in the raw tables of Snowflake."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime

from greenery.settings import Settings
from greenery.source import folders
from greenery.source.folders import ExtractFolder
from greenery.warehouse import raw_tables
from greenery.warehouse.raw_tables import RawExtract
from greenery.week import week_ends


@contextmanager
def found_extract(settings: Settings, as_of: datetime) -> Iterator[ExtractFolder | RawExtract]:
    """Yield the extract as of `as_of` (naive UTC), to be read while the context lasts.

    Raises MissingExtractError where there is none, LostExtractError where none can come any more, ExtractError where
    something of it is missing, UnavailableError where Snowflake can't be reached.
    """
    if settings.source == "folders":
        yield folders.find_extract(settings, as_of)
    else:
        with raw_tables.found_extract(settings, as_of) as found:
            yield found


def ignored(settings: Settings) -> list[str]:
    """Return a line for each entry of the source that is no extract."""
    return folders.ignored_folders(settings) if settings.source == "folders" else []


def available(settings: Settings) -> str:
    """Return a sentence that names the weeks that have an extract; empty where the error of a missing one says so."""
    return folders.available(settings) if settings.source == "folders" else ""


def weeks(settings: Settings, first: date | None, newest: date) -> list[date]:
    """Return the weeks that have an extract, up to `newest`, oldest first, as far as no session is needed to know.

    Raw tables show each week that has ended, while their Time Travel reaches back; a run says where it does not.

    first: the first week that is landed, None where none is. newest: the newest that has ended.
    """
    if settings.source == "folders":
        return [week for as_of in folders.folders(settings) if (week := as_of.date()) <= newest]
    return week_ends(first, newest) if first else []
