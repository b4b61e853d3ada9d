"""What Snowflake's refusals mean: the way out of each, and whether another try can help."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from greenery.settings import WAREHOUSE_CONNECTION
from greenery.warehouse.connection import RefusedError, UnavailableError

if TYPE_CHECKING:
    from snowflake.connector.errors import Error

SETUP = "include/sql/snowflake/setup.sql"

# Numbers of Snowflake's errors, and of its connector's.
NO_ACCOUNT = {290403, 290404}
SESSION_IS_OVER = {250002, 290401, 390103, 390104, 390111, 390112, 390114, 390115}
NO_ROLE = {390189}
NOT_THERE = {2003, 2043}
NO_PRIVILEGE = {3001}
NO_WAREHOUSE = {606}
OVER_QUOTA = {90073}
# What Snowflake says to a login that it refuses.
LOGIN = (range(390100, 391000), range(394300, 394400))

# What lets the role do its work on an object of this kind, as setup.sql has it.
GRANTS = {
    "DATABASE": "grant usage, create schema on database {name} to role {role};",
    "WAREHOUSE": "grant usage, operate on warehouse {name} to role {role};",
    "SCHEMA": "grant ownership on schema {name} to role {role} copy current grants;",
    "TABLE": "grant ownership on table {name} to role {role} copy current grants;",
}
# How the connector writes an error: its number, and the state of SQL.
NUMBERED = re.compile(r"\b(\d{6}) \(\w{5}\): ")
OBJECT = re.compile(r"on (database|warehouse|schema|table) '([^']+)'", re.IGNORECASE)


def grant(kind: str, name: str, role: str) -> str:
    """Return the statement by which an administrator lets the role use an object; kind: one of GRANTS."""
    return GRANTS[kind].format(name=name, role=role)


def explained(error: Error, session: Mapping[str, str]) -> UnavailableError | None:
    """Return the error that says what to do about Snowflake's; None where its own message has to do.

    session: account, user, role and warehouse of the connection.
    """
    return _explained(error.errno or 0, str(error.msg).strip(), session)


def explained_in(text: str, session: Mapping[str, str]) -> UnavailableError | None:
    """Return what `explained` does, for the first error of Snowflake in the text of another program."""
    found = NUMBERED.search(text)
    return _explained(int(found[1]), text[found.start() :].strip(), session) if found else None


def _explained(number: int, says: str, session: Mapping[str, str]) -> UnavailableError | None:
    role, warehouse = session["role"], session["warehouse"]
    if number in NO_ACCOUNT:
        return RefusedError(
            f"there is no Snowflake account {session['account']!r} ({says}): write it as <organisation>-<account> into "
            f"the extra of {WAREHOUSE_CONNECTION}."
        )
    if number in SESSION_IS_OVER:
        return UnavailableError(
            f"Snowflake ended the session ({says}). Nothing of an open transaction is kept: run the task again."
        )
    if number in NO_ROLE:
        return RefusedError(
            f"the user {session['user']} has no role {role} ({says}): grant role {role} to user {session['user']};"
        )
    if any(number in refusals for refusals in LOGIN):
        return RefusedError(
            f"Snowflake refuses the login of {session['user']} ({says}). Correct login, password or key of the "
            f"connection {WAREHOUSE_CONNECTION}; alter user {session['user']} set rsa_public_key = '…'; sets a new key."
        )
    if number in OVER_QUOTA:
        return RefusedError(
            f"the virtual warehouse is suspended by its resource monitor ({says}). Raise credit_quota in {SETUP}, or "
            "wait for the next month, then clear the task."
        )
    if number in NO_WAREHOUSE:
        return RefusedError(
            f"no virtual warehouse runs the statements ({says}): {grant('WAREHOUSE', warehouse, role)} alter warehouse "
            f"{warehouse} set auto_resume = true;"
        )
    if number in NO_PRIVILEGE:
        found = OBJECT.search(says)
        way_out = grant(found[1].upper(), found[2].lower(), role) if found else f"{SETUP} has the grants."
        return RefusedError(f"the role {role} may not do this ({says}): {way_out}")
    if number in NOT_THERE:
        return RefusedError(
            f"the role {role} does not see what it needs ({says}). Bring back what was dropped (undrop table …;), or "
            f"grant it: {SETUP} has the grants."
        )
    return None
