"""The ledger of extracts: each is landed, admitted or held."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from greenery.landing.extract import IMPORTED, Extract
from greenery.source.tables import TABLES
from greenery.warehouse.connection import Connection, rows


class NothingToWithdrawError(Exception):
    """The week has no extract that can be withdrawn."""


def newest(connection: Connection, as_of: datetime) -> Extract | None:
    """Return the extract as of `as_of` (naive UTC) that was landed last; None if none was landed."""
    # The extract of the run that builds can be in the state `landed` too. An extract that was landed since is newer.
    query = """
        select extracts.* from landing.extracts
        left join landing.build_lock on extracts.extract_id = build_lock.extract_id
        where extracts.as_of = $as_of
        order by extracts.state = 'landed' desc, build_lock.extract_id is not null
        limit 1
    """
    found = rows(connection, query, {"as_of": as_of})
    return Extract.model_validate(found[0]) if found else None


def extract(connection: Connection, extract_id: str) -> Extract:
    """Return the extract of this id, which must be in the ledger."""
    query = "select * from landing.extracts where extract_id = $extract_id"
    found = rows(connection, query, {"extract_id": extract_id})
    return Extract.model_validate(found[0])


def extracts(connection: Connection) -> list[Extract]:
    """Return all extracts, oldest as_of first."""
    found = rows(connection, "select * from landing.extracts order by as_of, state")
    return [Extract.model_validate(row) for row in found]


def admitted(connection: Connection, without: str = "") -> str:
    """Return the ids of the admitted extracts, oldest as_of first, with a space between them.

    without: an id that is left out.
    """
    query = "select extract_id from landing.extracts where state = 'admitted' and extract_id <> $without order by as_of"
    return " ".join(row["extract_id"] for row in rows(connection, query, {"without": without}))


def to_withdraw(connection: Connection, as_of: datetime) -> Extract:
    """Return the week's extract that can be withdrawn, or that was withdrawn: withdrawing twice is harmless.

    Raises NothingToWithdrawError if the week has none, or if no other extract is admitted.
    """
    query = "select * from landing.extracts where as_of = $as_of and (state = 'admitted' or withdrawn)"
    found = [row for row in rows(connection, query, {"as_of": as_of}) if not row["extract_id"].startswith(IMPORTED)]
    if not found:
        raise NothingToWithdrawError(f"no extract {as_of:%Y-%m-%d} is admitted: there is nothing to withdraw.")
    withdrawn = Extract.model_validate(found[0])
    others = admitted(connection, withdrawn.extract_id).split()
    if all(other.startswith(IMPORTED) for other in others):
        raise NothingToWithdrawError(
            f"the extract {as_of:%Y-%m-%d} is the only admitted one. Without it nothing would be left to publish: "
            'correct it and run the week with {"reextract": true}.'
        )
    return withdrawn


def admit(connection: Connection, extract_id: str) -> None:
    """Mark the extract admitted."""
    connection.execute(
        "update landing.extracts set state = 'admitted', reason = null, withdrawn = false "
        "where extract_id = $extract_id",
        {"extract_id": extract_id},
    )


def hold(
    connection: Connection,
    extract_id: str,
    reason: str,
    *,
    withdrawn: bool = False,
    held_for: dict[str, str] | None = None,
) -> None:
    """Mark the extract held: from now on it counts as missing.

    withdrawn: a person took the extract back. It is admitted again only if a person asks for it.
    held_for: the observed value of each failed critical check. A person may accept exactly these from now on.
    """
    connection.execute(
        """
        update landing.extracts
        set state = 'held', reason = $reason, withdrawn = $withdrawn, passed_with = null, held_for = $held_for
        where extract_id = $extract_id
        """,
        {
            "reason": reason,
            "withdrawn": withdrawn,
            "held_for": json.dumps(held_for or {}, ensure_ascii=False),
            "extract_id": extract_id,
        },
    )


def forget(connection: Connection, condition: str, parameters: dict[str, Any]) -> None:
    """Delete the extracts whose ledger row satisfies `condition` (SQL), with all their landed rows."""
    extract_ids = f"select extract_id from landing.extracts where {condition}"
    for table in (*(table.name for table in TABLES), "extracts"):
        connection.execute(f"delete from landing.{table} where extract_id in ({extract_ids})", parameters)
