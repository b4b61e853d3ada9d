"""How the pipeline logs in to Snowflake: Airflow's connection `greenery_warehouse`, as its provider reads it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from greenery.settings import WAREHOUSE_CONNECTION, Settings, running_task
from greenery.warehouse.connection import RefusedError


def plain_name(name: Any, what: str) -> str:
    """Return a name that stands in statements as it is. Raises RefusedError where it is missing or no plain name."""
    if not name:
        raise RefusedError(f"the extra of the connection {WAREHOUSE_CONNECTION} lacks {what}.")
    if not re.fullmatch(r"[A-Za-z_]\w*", str(name)):
        raise RefusedError(f"{what} is {name!r}, which is no plain name: use letters, digits and _ only.")
    return str(name)


def connection_parameters() -> dict[str, Any]:
    """Return what Snowflake's connector is given: the connection `greenery_warehouse` as Airflow's own hook reads it.

    Raises UnavailableError where the connection is not there, or lacks what is needed.
    """
    hook = _hook()
    extra = _extra(hook)
    try:
        given = hook._get_conn_params()
    except ValueError as error:
        raise RefusedError(f"the connection {WAREHOUSE_CONNECTION} can't be read: {error}") from None
    # The hook leaves it out; a server on loopback speaks http.
    if protocol := extra.get("protocol"):
        given["protocol"] = protocol
    if not given.get("account"):
        raise RefusedError(f"the extra of the connection {WAREHOUSE_CONNECTION} lacks account.")
    given["database"] = _database(extra)
    return {name: value for name, value in given.items() if value and name not in ("schema", "session_parameters")}


def _hook() -> Any:
    from airflow.providers.snowflake.hooks.snowflake import SnowflakeHook

    return SnowflakeHook(WAREHOUSE_CONNECTION)


def _extra(hook: Any) -> dict[str, Any]:
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        found: dict[str, Any] = hook.get_connection(WAREHOUSE_CONNECTION).extra_dejson
    except AirflowNotFoundException:
        raise RefusedError(
            f"Snowflake is used, but Airflow has no connection {WAREHOUSE_CONNECTION}: docs/snowflake.md."
        ) from None
    return found


def _database(extra: Mapping[str, Any]) -> str:
    """Return the name of the database in the extra of the connection."""
    return plain_name(extra.get("database") or extra.get("extra__snowflake__database"), "database")


def parsing_variables() -> dict[str, str]:
    """Return the variables that dbt needs to parse its project, as `access.parsing_variables` says."""
    # The database is all that it needs. For the rest a token may have to be fetched, which only a task may wait for.
    return {"GREENERY_SNOWFLAKE_DATABASE": _database(_extra(_hook()))}


def dbt_variables(settings: Settings) -> dict[str, str]:
    """Return the variables by which dbt's profile reads the connection. dbt keeps those of a secret out of its logs.

    Raises UnavailableError as `connection_parameters` does.
    """
    given = connection_parameters()
    key = given.get("private_key")
    found = {
        "GREENERY_SNOWFLAKE_ACCOUNT": given["account"],
        "GREENERY_SNOWFLAKE_DATABASE": given["database"],
        "GREENERY_SNOWFLAKE_USER": given.get("user"),
        "GREENERY_SNOWFLAKE_WAREHOUSE": settings.models_warehouse or given.get("warehouse"),
        "GREENERY_SNOWFLAKE_ROLE": given.get("role"),
        "GREENERY_SNOWFLAKE_AUTHENTICATOR": given.get("authenticator"),
        "GREENERY_SNOWFLAKE_HOST": given.get("host"),
        "GREENERY_SNOWFLAKE_PORT": given.get("port"),
        "GREENERY_SNOWFLAKE_PROTOCOL": given.get("protocol"),
        "GREENERY_SNOWFLAKE_QUERY_TAG": query_tag(),
        "DBT_ENV_SECRET_SNOWFLAKE_PASSWORD": given.get("password"),
        "DBT_ENV_SECRET_SNOWFLAKE_TOKEN": given.get("token"),
        "DBT_ENV_SECRET_SNOWFLAKE_KEY": base64.b64encode(key).decode() if key else None,
    }
    return {name: str(value) for name, value in found.items() if value}


def query_tag() -> str:
    """Return what Snowflake's history of queries shows beside each statement of this process: DAG, run, task, week."""
    return json.dumps({"application": "greenery", **running_task()})
