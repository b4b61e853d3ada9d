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
    from dbt_common.clients.jinja import template_cache

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
    if not isinstance(result.result, Manifest):
        _kept = None
        return False
    # Compiling macros takes a third of a small model's time: the forks inherit dbt's own cache of them.
    for macro in result.result.macros.values():
        template_cache.get_node_template(macro)
    _kept = Kept(result.result, fingerprint)
    return True


def take(environment: Mapping[str, str]) -> Manifest | None:
    """Return the parsed project, once a process, for dbt leaves in it what it compiled; None where none fits.

    environment: all variables that the dbt command will have.
    """
    global _kept
    kept, _kept = _kept, None
    return kept.manifest if kept and kept.fingerprint == fingerprint_of(environment) else None


def fingerprint_of(environment: Mapping[str, str]) -> str:
    """Return a hash of all that dbt reads when it parses: the project's files, and the variables that they name."""
    found, names = hashlib.sha256(), set()
    for path in sorted(PROJECT.rglob("*")):
        name = path.relative_to(PROJECT)
        if path.is_file() and name.parts[0] not in MADE:
            content = path.read_bytes()
            found.update(f"{name}\0".encode() + content + b"\0")
            names |= set(re.findall(rb"env_var\(\s*['\"](\w+)", content))
    used = {name for name in environment if name.startswith("DBT_") or name.encode() in names}
    found.update(repr(sorted((name, environment[name]) for name in used)).encode())
    return found.hexdigest()
