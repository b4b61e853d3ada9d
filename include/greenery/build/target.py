"""The target of a build: the extracts that the models are built from, and the models that are built from them."""

from __future__ import annotations

from duckdb import DuckDBPyConnection

from greenery.build import dbt_project
from greenery.warehouse.duckdb import rows, statement

# The extracts of the build, as text.
BUILD = "select string_agg(extract_id, ' ' order by extract_id) from landing.build"


def set_build(connection: DuckDBPyConnection) -> None:
    """Set the build to the admitted extracts and the lock's extract, and note which pairs this changes.

    A pair that came or left stays touched until all models were built and tested.
    """
    wanted = statement("landing/pairs")
    connection.execute(
        f"""
        insert into landing.touched_pairs
        select pair_id
        from (select pair_id from ({wanted}) as wanted union all select pair_id from landing.build) as either
        where pair_id not in (select pair_id from landing.touched_pairs)
        group by pair_id
        having count(*) = 1
        """
    )
    connection.execute("delete from landing.build")
    connection.execute(f"insert into landing.build {wanted}")


def built_models(connection: DuckDBPyConnection) -> set[str]:
    """Return the names of the models that were built from the extracts of the build."""
    query = f"select model_name from landing.built_models where extracts = ({BUILD})"
    return {row["model_name"] for row in rows(connection, query)}


def lacks_a_log(connection: DuckDBPyConnection) -> bool:
    """Return whether one of the logs was dropped after a build. The keys of its lost rows are then unknown."""
    query = """
        select table_name from information_schema.tables
        where table_schema = 'intermediate' and table_catalog = current_catalog()
    """
    found = {row["table_name"] for row in rows(connection, query)}
    is_built = rows(connection, "select pair_id from landing.build limit 1")
    return bool(is_built) and not found.issuperset(dbt_project.models().logs)


def start_over(connection: DuckDBPyConnection) -> None:
    """Let all models be built from the start, by this run and each after it until one has done so to the end."""
    connection.execute("update landing.built_with set extracts = null, failed = null")
    for table in ("build", "touched_pairs", "built_models"):
        connection.execute(f"delete from landing.{table}")


def is_tested(connection: DuckDBPyConnection, extracts: str) -> bool:
    """Return whether dbt's tests passed what is built, and it is built from these extracts (their ids, sorted).

    With another version of the dbt project than before, nothing that is built counts: it would be mixed with what this
    one builds, and what was said of the one would be taken for the other.
    """
    models = dbt_project.version()
    if not rows(connection, "select models from landing.built_with where models = ?", [models]):
        connection.execute("delete from landing.built_with")
        connection.execute("insert into landing.built_with (models, is_tested) values (?, false)", [models])
        start_over(connection)
        distrust(connection)
    return bool(rows(connection, "select models from landing.built_with where is_tested and extracts = ?", [extracts]))


def distrust(connection: DuckDBPyConnection) -> None:
    """Forget which builds the quality gate passed and which one is published: none of them counts any more."""
    connection.execute("update landing.extracts set passed_with = null")
    connection.execute("update landing.publication set extracts = ''")


def builds_anew(connection: DuckDBPyConnection) -> bool:
    """Return whether the run must build all models from the start: the last such build was not completed.

    A build is complete once dbt's tests have run on it.
    """
    query = "select models from landing.built_with where models = ? and extracts is not null"
    return not rows(connection, query, [dbt_project.version()])


def disown_build(connection: DuckDBPyConnection) -> None:
    """Record that the tables mix versions of the dbt project, so that the next run builds all from the start."""
    connection.execute("update landing.built_with set models = ''")
