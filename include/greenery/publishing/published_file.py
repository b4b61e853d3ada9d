"""The published relations as a DuckDB file, which is attached as `published`: made whole, or from the version before.

A weekly run changes a small part of the history. So the file of the version before is copied, and the rows of changed
keys are replaced in it, as in the build. Then the rows of both are compared by a hash. If they differ, whatever the
reason, the file is made whole.
"""

from __future__ import annotations

from collections.abc import Sequence

from greenery.build import dbt_project
from greenery.warehouse.connection import Connection, rows, transaction

# A relation of the file, such as analytics.fct_sessions, and the query of its rows.
Relation = tuple[str, str]
PAIRS = "intermediate.int_extract_pairs"


def write(connection: Connection, relations: Sequence[Relation]) -> None:
    """Write all relations whole, in the place of those that are there."""
    # One transaction writes the file's catalogue once, not once a relation.
    with transaction(connection):
        for schema in ("analytics", "intermediate"):
            connection.execute(f"create schema if not exists published.{schema}")
        for relation, query in relations:
            connection.execute(f"create or replace table published.{relation} as {query}")


def update(connection: Connection, relations: Sequence[Relation]) -> bool:
    """Bring a file of another version up to date; return whether it now has the rows of the build.

    A file of a build that had other pairs of extracts too is left as it is: the blocks of deleted rows stay in a file,
    and an extract may have been corrected so that a person's rows are gone.
    """
    tables = "select schema_name || '.' || table_name as name from duckdb_tables() where database_name = 'published'"
    # A mart is new, or gone.
    if {row["name"] for row in rows(connection, tables)} != {relation for relation, _ in relations}:
        return False
    now, before = (
        {row["pair_id"] for row in rows(connection, f"select pair_id from {schema}{PAIRS}")}
        for schema in ("", "published.")
    )
    if not before or before - now:
        return False
    connection.execute(
        f"create or replace temp table added_pairs as from {PAIRS} anti join published.{PAIRS} using (pair_id)"
    )
    with transaction(connection):
        for relation, query in relations:
            _update(connection, relation, query)
    return all(_is_equal(connection, relation, query) for relation, query in relations)


def _update(connection: Connection, relation: str, query: str) -> None:
    """Replace the rows that can differ: those of changed keys, or all rows of a model that has no key."""
    name = relation.split(".")[1]
    models = dbt_project.models()
    key, found_in = models.keys.get(name), models.changed_in.get(name)
    if key is None:
        connection.execute(f"create or replace table published.{relation} as {query}")
        return
    if found_in is None:
        changed = "select pair_id from added_pairs"
    elif found_in in models.logs:
        changed = f"select {key} from intermediate.{found_in} where pair_id in (select pair_id from added_pairs)"
    else:
        changed = f"select {key} from intermediate.{found_in}"
    connection.execute(f"delete from published.{relation} where {key} in ({changed})")
    connection.execute(f"insert into published.{relation} by name select * from ({query}) where {key} in ({changed})")


def _is_equal(connection: Connection, relation: str, query: str) -> bool:
    """Return whether a relation has the columns and rows of its query, whatever their order."""
    texts = (query, f"select * from published.{relation}")
    built, published = (rows(connection, f"describe {text}") for text in texts)
    if built != published:
        return False
    columns = ", ".join(column["column_name"] for column in built)
    hashes = f"select count(*) as found, sum(hash({columns})) as hashes"
    now, copied = (rows(connection, f"{hashes} from ({text})") for text in texts)
    return now == copied
