"""The dbt project as dbt parsed it, kept in the process that tasks are forked from: parsing takes longer than a model.

`keep` parses the project and keeps the result. A task forked later takes it, if the project and the environment are
still what they were; otherwise it gets nothing, and dbt parses the project for it as ever.
"""

from __future__ import annotations

import functools
import hashlib
import re
import tempfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from greenery.build.dbt_project import PROFILES, PROJECT
from greenery.settings import variables_set

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

# What dbt makes itself.
MADE = {"target", "logs"}
# What a parsed project has of the profile: the kind of warehouse, and the database of its relations. How a task logs in
# is read when it does.
OF_THE_PROFILE = {"GREENERY_TARGET", "GREENERY_WAREHOUSE", "GREENERY_SNOWFLAKE_DATABASE"}


class Kept(NamedTuple):
    """A parsed project, and the fingerprint of what it was parsed from."""

    manifest: Manifest
    fingerprint: str


_kept: Kept | None = None


def keep(environment: Mapping[str, str]) -> bool:
    """Parse the project and keep it; return whether dbt could, for a task says better what is wrong.

    environment: all variables that a task's dbt command has.
    """
    global _kept
    from dbt.cli.main import dbtRunner
    from dbt.contracts.graph.manifest import Manifest
    from dbt.plugins.manager import PluginManager

    # Each dbt command looks for plugins among all modules that are installed. Here the first one does it for all.
    PluginManager.get_prefixed_modules = functools.cache(PluginManager.get_prefixed_modules)  # type: ignore[method-assign]
    fingerprint = fingerprint_of(environment)
    with tempfile.TemporaryDirectory() as folder, variables_set(environment):
        result = dbtRunner().invoke(
            [
                # The static parser starts threads. A fork has none of them and would wait for them for ever.
                *("--quiet", "--log-level-file", "none", "--no-write-json", "--no-static-parser", "parse"),
                *(
                    "--project-dir",
                    str(PROJECT),
                    "--profiles-dir",
                    str(PROFILES),
                    "--target",
                    environment.get("GREENERY_TARGET") or "duckdb",
                ),
                *("--target-path", folder, "--log-path", folder),
            ]
        )
    _kept = Kept(result.result, fingerprint) if isinstance(result.result, Manifest) else None
    return _kept is not None


def take(environment: Mapping[str, str]) -> Manifest | None:
    """Return the parsed project, once a process, for dbt leaves in it what it compiled; None where none fits.

    environment: all variables that the dbt command will have.
    """
    global _kept
    kept, _kept = _kept, None
    return kept.manifest if kept and kept.fingerprint == fingerprint_of(environment) else None


def fingerprint_of(environment: Mapping[str, str]) -> str:
    """Return a hash of all that decides a parsed project: its files, and the variables that they name."""
    found, names = hashlib.sha256(), set(OF_THE_PROFILE)
    for path in sorted(PROJECT.rglob("*")):
        name = path.relative_to(PROJECT)
        if path.is_file() and name.parts[0] not in MADE:
            content = path.read_bytes()
            found.update(f"{name}\0".encode() + content + b"\0")
            if PROFILES not in path.parents:
                names |= {name.decode() for name in re.findall(rb"env_var\(\s*['\"](\w+)", content)}
    # dbt reads secrets in a profile alone.
    of_dbt = {name for name in environment if name.startswith("DBT_") and not name.startswith("DBT_ENV_SECRET_")}
    used = of_dbt | (names & environment.keys())
    found.update(repr(sorted((name, environment[name]) for name in used)).encode())
    return found.hexdigest()
