"""All checks of all suites by their names, without importing Great Expectations."""

from __future__ import annotations

from dataclasses import replace

from greenery.quality.suite import REMEDIES
from greenery.quality.suites import SUITES

CHECKS = tuple(replace(check, relation=check.relation or suite.relation) for suite in SUITES for check in suite.checks)
BY_ID = {check.id: check for check in CHECKS}


def remedy(name: str) -> str:
    """Return the key of REMEDIES for a check. Any other name is a dbt test: its remedy is to correct the model."""
    return BY_ID[name].remedy if name in BY_ID else "model"


def advice(name: str) -> tuple[str, str]:
    """Return what to look at if a check or a dbt test fails, and what to do then. Both are plain text."""
    look = BY_ID[name].look if name in BY_ID else "the rows that dbt's test counts"
    return look, REMEDIES[remedy(name)].replace("`", "")
