"""Where the dbt project is, and which version of it. Neither dbt nor Cosmos is imported."""

from __future__ import annotations

import hashlib

from greenery.settings import REPOSITORY

PROJECT = REPOSITORY / "include" / "dbt"
MANIFEST = PROJECT / "target" / "manifest.json"
PROFILES = PROJECT / "profiles"
TARGET = "duckdb"


def version() -> str:
    """Return a hash of the models, of the macros that they use, and of their settings: all that decides their rows."""
    found = hashlib.sha256()
    for path in sorted([PROJECT / "dbt_project.yml", *PROJECT.glob("models/**/*"), *PROJECT.glob("macros/**/*.sql")]):
        if path.suffix in (".sql", ".yml"):
            found.update(f"{path.relative_to(PROJECT)}\0".encode() + path.read_bytes() + b"\0")
    return found.hexdigest()
