"""Go back to a version that was published before: readers get it again, and what it does not hold is held."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel

from greenery import commands
from greenery.build import locking, target
from greenery.landing import ledger
from greenery.publishing import published_tables, versions
from greenery.settings import Settings
from greenery.warehouse.access import connect, publishes_files
from greenery.warehouse.connection import Connection, rows, transaction


class RollbackError(Exception):
    """The version can't be published again. The message says why, and what to do instead."""


class Rollback(BaseModel, frozen=True):
    """What a rollback did.

    version: the one that is published now. instead_of: the one that was published before; the same where the rollback
    was done already. held: why the extract of each week (as_of) is held since the rollback to this version.
    admitted: the weeks whose extract is admitted again.
    """

    version: int
    instead_of: int
    held: dict[datetime, str]
    admitted: tuple[datetime, ...] = ()


def roll_back(settings: Settings, reason: str, version: int | None = None) -> Rollback:
    """Publish an earlier version again, and let its extracts be the admitted ones.

    Extracts that only the newer versions hold are held, as if they were withdrawn: only `reextract` brings them back.
    Doing it twice is harmless, also after a kill.

    version: the one to go back to; None takes the one that was published before. If that was done already, nothing is.

    Raises RollbackError where there is no such version or its extracts are not landed any more, BusyError while a run
    holds the lock, UnavailableError where the warehouse can't be read as it was then.
    """
    with connect(settings) as connection:
        versions.catch_up(settings, connection)
        published = _published(settings, connection)
        recorded = rows(connection, "select * from landing.versions order by version")
        goal = _goal(settings, recorded, published, version)
        if goal is None:
            return Rollback(version=published, instead_of=published, held=_held(connection, published))
        wanted = set(goal["extracts"].split())
        moment = min(row["published_at"] for row in recorded if row["version"] > goal["version"])
        restore = []
        if not publishes_files(settings):
            names = [name for name, _ in versions.relations()]
            restore = published_tables.statements_to_restore(connection, names, moment)
        with transaction(connection):
            locking.check_free(connection)
            if _published(settings, connection) != published:
                raise RollbackError("a run has published meanwhile: look at `make status`, then try again.")
            for text in restore:
                connection.execute(text, {"moment": moment} if "$moment" in text else None)
            admitted = _set_ledger(settings, connection, goal, wanted, reason)
            connection.execute(
                "update landing.versions set rolled_back = true where version > $version", {"version": goal["version"]}
            )
            connection.execute("update landing.publication set version = $version", {"version": goal["version"]})
            # Whatever was wrong, no earlier verdict counts any more: the next run is judged anew.
            target.distrust(connection)
            target.set_build(connection)
        versions.catch_up(settings, connection)
        held = _held(connection, goal["version"])
    return Rollback(version=goal["version"], instead_of=published, held=held, admitted=admitted)


def _held(connection: Connection, version: int) -> dict[datetime, str]:
    return {
        extract.as_of: extract.reason
        for extract in ledger.extracts(connection)
        if extract.withdrawn and extract.reason and extract.reason.startswith(_because(version))
    }


def _because(version: int) -> str:
    return f"rolled back to version {version}: "


def _published(settings: Settings, connection: Connection) -> int:
    version = versions.recorded_version(connection)
    if version is None:
        raise RollbackError(str(versions.nothing_published(settings)))
    return version


def _goal(
    settings: Settings, recorded: list[dict[str, Any]], published: int, version: int | None
) -> dict[str, Any] | None:
    """Return the row of the version to go back to; None where it is published already."""
    newer_was_rolled_back = any(row["version"] > published for row in recorded)
    if version == published or (version is None and newer_was_rolled_back):
        return None
    earlier = {
        row["version"]: row
        for row in recorded
        if row["version"] < published and not row["rolled_back"] and versions.is_kept(settings, row["version"])
    }
    if not earlier:
        raise RollbackError(
            f"no version before {published} is kept. To take an extract back, withdraw it "
            f"({commands.make(settings, 'withdraw AS_OF=… REASON=…')})."
        )
    if version is None:
        return earlier[max(earlier)]
    if version not in earlier:
        raise RollbackError(
            f"version {version} is no earlier version that is kept: use one of {', '.join(map(str, earlier))}."
        )
    return earlier[version]


def _set_ledger(
    settings: Settings, connection: Connection, goal: dict[str, Any], wanted: set[str], reason: str
) -> tuple[datetime, ...]:
    """Let exactly the wanted extracts be admitted; return the weeks of those that were not."""
    extracts = {extract.extract_id: extract for extract in ledger.extracts(connection)}
    gone = [one for one in extracts.values() if one.state == "admitted" and one.extract_id not in wanted]
    back = [extracts[one] for one in sorted(wanted & extracts.keys()) if extracts[one].state != "admitted"]
    weeks_gone = {extract.as_of for extract in gone}
    # An id begins with the as_of.
    replaced = wanted - extracts.keys() | {one.extract_id for one in back if one.as_of in weeks_gone}
    if replaced:
        day = min(replaced)[:10]
        again = commands.backfill(settings, day, day, {"reextract": True})
        withdraw = commands.make(settings, f"withdraw AS_OF={day} REASON=…")
        raise RollbackError(
            f"version {goal['version']} holds the extract {day} as it was before its correction, and those rows are "
            f"not landed any more. Put its earlier files back, then {again}. Or take the extract back: {withdraw}."
        )
    for extract in gone:
        ledger.hold(connection, extract.extract_id, f"{_because(goal['version'])}{reason}", withdrawn=True)
    for extract in back:
        ledger.admit(connection, extract.extract_id)
    return tuple(extract.as_of for extract in back)
