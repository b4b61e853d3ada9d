"""The sessions, and the products that they met, as known at a week's end.

The marts show them as known at the newest extract. For an earlier week they are worked out from the steps.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from greenery.warehouse.access import keep
from greenery.warehouse.connection import Connection, rows
from greenery.warehouse.statements import statement

# No time of the source is before it.
BEGINNING = datetime(1900, 1, 1)


class Known(NamedTuple):
    """The relations that show them, with the columns of the marts of these names."""

    sessions: str
    session_products: str

    @classmethod
    def newest(cls, marts: str) -> Known:
        """Return the marts, in their schema: they show what is known at the newest extract."""
        return cls(f"{marts}.fct_sessions", f"{marts}.fct_session_products")


def known(
    connection: Connection, as_of: datetime, marts: str, history: str, *, since: datetime, products_since: datetime
) -> Known:
    """Return the relations to read for the week that ends at `as_of` (naive UTC), which is in the build.

    marts, history: the schemas of the marts, and of the relations that are no marts.
    since, products_since: sessions, and products of sessions, that start before may be left out.
    """
    newest = rows(connection, f"select max(as_of) as as_of from {history}.int_extract_pairs")[0]["as_of"]
    if as_of == newest:
        return Known.newest(marts)
    found = Known("known_sessions", "known_session_products")
    for name, first in zip(found, (since, products_since), strict=True):
        keep(connection, name, statement(f"shared/{name}", history), {"as_of": as_of, "since": first})
    return found
