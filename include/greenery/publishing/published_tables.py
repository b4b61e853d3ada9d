"""Publish into the schemas analytics and history of the warehouse itself: readers see a week whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from greenery.build import dbt_project
from greenery.warehouse.access import keep, put_back
from greenery.warehouse.connection import Connection, rows

# A published relation, such as analytics.fct_sessions, and the query of its rows as they are built.
Relation = tuple[str, str]


class OtherTypeError(Exception):
    """A published table has a column of another type than its model has now. The message says what to do."""


def prepare(connection: Connection, relations: Iterable[Relation]) -> None:
    """Make what publishing needs, before its transaction: each of these statements commits by itself.

    These are the published tables that are missing, the columns that a table lacks, and the keys whose rows differ, as
    temporary tables. Readers notice nothing. Raises OtherTypeError.
    """
    for name, query in relations:
        there = place(name)
        connection.execute(f"create table if not exists {there} as select * from ({query}) as built where false")
        built, published = columns(connection, _built(name)), columns(connection, there)
        for column, kind in built.items():
            if column not in published:
                connection.execute(f"alter table {there} add column {column} {kind}")
            elif published[column] != kind:
                raise OtherTypeError(
                    f"{there}.{column} is {published[column]}, and its model has {kind} now. Rename the table "
                    f"(alter table {there} rename to {there}_before), then clear the task publish: it makes a new one."
                )
        if key := _key(name):
            names = ", ".join(built)
            now, before = f"select {names} from ({query}) as built", f"select {names} from {there}"
            differs = f"(({now}) except ({before})) union all (({before}) except ({now}))"
            keep(connection, _changed(name), f"select distinct {key} from ({differs}) as differs")


def replace(connection: Connection, relations: Iterable[Relation]) -> None:
    """Replace the rows that differ, within the caller's transaction. A table without a key is replaced whole."""
    for name, query in relations:
        names = ", ".join(columns(connection, _built(name)))
        key = _key(name)
        differing = f" where {key} in (select changed.{key} from {_changed(name)} as changed)" if key else ""
        connection.execute(f"delete from {place(name)}{differing}")
        connection.execute(f"insert into {place(name)} ({names}) select {names} from ({query}) as built{differing}")


def statements_to_restore(connection: Connection, names: Iterable[str], moment: datetime) -> list[str]:
    """Return the statements that give all published tables the rows that they had at `moment`, which they name.

    Raises UnavailableError, before anything is changed, where the warehouse does not know them any more.
    """
    found = put_back(connection, [place(name) for name in names], moment)
    return [text for name, insert in found for text in (f"delete from {name}", insert)]


def columns(connection: Connection, name: str) -> dict[str, str]:
    """Return the types of a relation's columns, by their names, in their order."""
    schema, table = name.split(".")
    query = """
        select
            lower(column_name) as column_name,
            data_type,
            numeric_precision,
            numeric_scale
        from information_schema.columns
        where lower(table_schema) = $schema and lower(table_name) = $table and table_catalog = current_database()
        order by ordinal_position
    """
    found = rows(connection, query, {"schema": schema, "table": table})
    return {row["column_name"]: _type(row) for row in found}


def _type(row: dict[str, object]) -> str:
    kind = str(row["data_type"])
    is_number = kind in ("NUMBER", "DECIMAL") and row["numeric_precision"] is not None
    return f"{kind}({row['numeric_precision']}, {row['numeric_scale']})" if is_number else kind


def place(name: str) -> str:
    """Return the table in which people read a relation: what is no mart stands in the schema history."""
    return name.replace("intermediate.", "history.")


def _built(name: str) -> str:
    """Return where a relation is built."""
    return name.replace("analytics.", "marts.")


def _key(name: str) -> str | None:
    """Return the column by which a relation is replaced in part; None where it is replaced whole."""
    return dbt_project.models().keys.get(name.split(".")[1])


def _changed(name: str) -> str:
    return f"changed_{name.split('.')[1]}"
