"""The folder, the version and the models of the dbt project. Neither dbt nor Cosmos is imported."""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from greenery.settings import REPOSITORY

PROJECT = REPOSITORY / "include" / "dbt"
MANIFEST = PROJECT / "target" / "manifest.json"
PROFILES = PROJECT / "profiles"


@dataclass(frozen=True)
class Models:
    """The models that a build makes.

    inputs: for each model the models that it reads.
    logs: the models that are kept by pair of extracts. They may hold rows of pairs that are not in the build.
    marts: the models that are published.
    keys: for each model that a run replaces in part, the column by which it replaces rows.
    changed_in: for each of them that is no log, the relation that names the changed keys.
    """

    inputs: dict[str, frozenset[str]]
    logs: tuple[str, ...]
    marts: tuple[str, ...]
    keys: dict[str, str]
    changed_in: dict[str, str]


def version() -> str:
    """Return a hash of the models, their macros and their settings: of everything that decides their rows."""
    found = hashlib.sha256()
    for path in sorted([PROJECT / "dbt_project.yml", *PROJECT.glob("models/**/*"), *PROJECT.glob("macros/**/*.sql")]):
        if path.suffix in (".sql", ".yml"):
            found.update(f"{path.relative_to(PROJECT)}\0".encode() + path.read_bytes() + b"\0")
    return found.hexdigest()


def models() -> Models:
    """Return the models of the parsed project, in alphabetical order.

    A model is a log if its file is in the folder versions/, and a mart if it is in marts/. Runs do not make the models
    of the folder semantic/.

    Raises FileNotFoundError if the project was not parsed: `make install` does it.
    """
    return _read(MANIFEST, MANIFEST.stat().st_mtime_ns)


@functools.lru_cache(maxsize=1)
def _read(path: Path, _: int) -> Models:
    """Read a manifest. It is read again only after a change, because reading takes as long as building a model."""
    nodes = json.loads(path.read_text(encoding="utf-8"))["nodes"].values()
    built = {
        node["name"]: node
        for node in sorted(nodes, key=lambda node: node["name"])
        if node["resource_type"] == "model"
        and node["config"]["materialized"] != "ephemeral"
        and "semantic" not in node["fqn"]
    }
    parents = {name: {one.rsplit(".", 1)[-1] for one in node["depends_on"]["nodes"]} for name, node in built.items()}
    return Models(
        inputs={name: frozenset(found & set(built)) for name, found in parents.items()},
        logs=tuple(name for name, node in built.items() if "versions" in node["fqn"]),
        marts=tuple(name for name, node in built.items() if "marts" in node["fqn"]),
        keys={
            name: node["config"]["unique_key"] or "pair_id"
            for name, node in built.items()
            if node["config"]["materialized"] == "incremental"
        },
        changed_in={
            name: node["config"]["meta"]["changed_in"]
            for name, node in built.items()
            if "changed_in" in node["config"]["meta"]
        },
    )
