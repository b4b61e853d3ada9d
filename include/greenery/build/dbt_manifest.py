"""Keeps the parsed dbt project in the process from which tasks are forked, because parsing takes longer than a model.

`keep` parses the project and keeps the result. A task that is forked later takes it with `take`, if the project and the
environment have not changed. Otherwise it gets nothing, and dbt parses the project as usual.
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

# The folders of the project that dbt writes itself.
MADE = {"target", "logs"}
# What a parsed project has of the profile: the kind of warehouse, and the database of its relations. How a task logs in
# is read when it does.
OF_THE_PROFILE = {"GREENERY_TARGET", "GREENERY_WAREHOUSE", "GREENERY_SNOWFLAKE_DATABASE"}
# A command that needs no warehouse.
UNCONNECTED = ("compile", "--no-introspect", "--no-populate-cache", "--select", "staging")


class Kept(NamedTuple):
    """A parsed project, and the fingerprint of the files and variables from which it was parsed."""

    manifest: Manifest
    fingerprint: str


_kept: Kept | None = None


def keep(environment: Mapping[str, str]) -> bool:
    """Parse the project and keep it; return whether dbt could parse it. If not, the first task of dbt reports why.

    environment: all environment variables of a task's dbt command.
    """
    global _kept
    from dbt.cli.main import dbtRunner
    from dbt.contracts.graph.manifest import Manifest
    from dbt.plugins.manager import PluginManager
    from dbt_common.behavior_flags import BehaviorFlagRendered
    from dbt_common.clients.jinja import template_cache

    # Each dbt command searches all installed modules for plugins. With a cache only the first one does it.
    PluginManager.get_prefixed_modules = functools.cache(PluginManager.get_prefixed_modules)  # type: ignore[method-assign]
    # Each command also reads the source of all its callers, which in Airflow takes a fifth of a small model's time, to
    # name a module in a warning. Seen with dbt-common 1.39.
    BehaviorFlagRendered._default_source = staticmethod(lambda: "dbt.adapters")  # type: ignore[method-assign]
    fingerprint = fingerprint_of(environment)
    with tempfile.TemporaryDirectory() as folder, variables_set(environment):
        target = environment.get("GREENERY_TARGET") or "duckdb"
        options = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROFILES), "--target", target]
        options += ["--target-path", folder, "--log-path", folder]
        # The static parser starts threads. A fork has none of them and would wait for them for ever.
        quiet = ["--quiet", "--log-level-file", "none", "--no-write-json", "--no-static-parser"]
        result = dbtRunner().invoke([*quiet, "parse", *options])
        if not isinstance(result.result, Manifest):
            _kept = None
            return False
        # Compiling macros takes a third of a small model's time: the forks inherit dbt's own cache of them.
        for macro in result.result.macros.values():
            template_cache.get_node_template(macro)
        # A tenth is what a process does at its first command.
        copy = result.result.deepcopy()  # type: ignore[no-untyped-call]
        dbtRunner(manifest=copy).invoke([*quiet, *UNCONNECTED, *options])
    _kept = Kept(result.result, fingerprint)
    return True


def take(environment: Mapping[str, str]) -> Manifest | None:
    """Return the parsed project; None if none was kept, or if the project or the environment has changed.

    A process gets it only once, because a dbt command leaves its compiled models in it.

    environment: all environment variables of the dbt command.
    """
    global _kept
    kept, _kept = _kept, None
    return kept.manifest if kept and kept.fingerprint == fingerprint_of(environment) else None


def fingerprint_of(environment: Mapping[str, str]) -> str:
    """Return a hash of everything that decides a parsed project: its files, and the variables that they name."""
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
