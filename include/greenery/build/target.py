"""The target of a build: the extracts that the models are built from, and the models that are built from them."""

from __future__ import annotations

from greenery.build import dbt_project
from greenery.warehouse.connection import Connection, rows, tables
from greenery.warehouse.statements import statement


def set_build(connection: Connection) -> None:
    """Set the build to the admitted extracts and the lock's extract, and record the pairs that this adds or removes.

    These pairs stay in `touched_pairs` until all models were built and tested.
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


def extracts(connection: Connection) -> str:
    """Return the ids of the extracts of the build, sorted, with a space between them."""
    return " ".join(sorted(row["extract_id"] for row in rows(connection, "select extract_id from landing.build")))


def built_models(connection: Connection) -> set[str]:
    """Return the names of the models that were built from the extracts of the build."""
    query = "select model_name from landing.built_models where extracts = $extracts"
    return {row["model_name"] for row in rows(connection, query, {"extracts": extracts(connection)})}


def lacks_a_log(connection: Connection) -> bool:
    """Return whether someone dropped a log after a build. Then nobody knows which keys its rows had."""
    is_built = rows(connection, "select pair_id from landing.build limit 1")
    return bool(is_built) and not tables(connection, "intermediate").issuperset(dbt_project.models().logs)


def start_over(connection: Connection) -> None:
    """Make this run build all models from the start. Later runs do so too, until one has finished it."""
    connection.execute("update landing.built_with set extracts = null, failed = null")
    for table in ("build", "touched_pairs", "built_models"):
        connection.execute(f"delete from landing.{table}")


def is_tested(connection: Connection, extract_ids: str) -> bool:
    """Return whether the models are built from these extracts, and dbt's tests passed them.

    extract_ids: ids, sorted, with a space between them.

    If the dbt project has changed since, everything that is built is given up. Otherwise the tables would mix rows of
    two versions of the project, and results of tests on old rows would count for new ones.
    """
    models = dbt_project.version()
    if not rows(connection, "select models from landing.built_with where models = $models", {"models": models}):
        connection.execute("delete from landing.built_with")
        connection.execute(
            "insert into landing.built_with (models, is_tested) values ($models, false)", {"models": models}
        )
        start_over(connection)
        distrust(connection)
    query = "select models from landing.built_with where is_tested and extracts = $extracts"
    return bool(rows(connection, query, {"extracts": extract_ids}))


def distrust(connection: Connection) -> None:
    """Forget which builds the quality gate passed, and which build is published. None of them counts any more."""
    connection.execute("update landing.extracts set passed_with = null")
    connection.execute("update landing.publication set extracts = ''")


def builds_anew(connection: Connection) -> bool:
    """Return whether the run must build all models from the start: the last such build was not completed.

    A build is complete once dbt's tests have run on it.
    """
    query = "select models from landing.built_with where models = $models and extracts is not null"
    return not rows(connection, query, {"models": dbt_project.version()})


def disown_build(connection: Connection) -> None:
    """Record that the tables mix two versions of the dbt project. The next run then builds all from the start."""
    connection.execute("update landing.built_with set models = ''")
