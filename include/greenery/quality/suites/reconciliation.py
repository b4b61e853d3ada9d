"""The landed rows against the rows of the models."""

from __future__ import annotations

from greenery.quality.suite import Check, Suite

SUITE = Suite(
    "reconciliation",
    "marts",
    keys=("measure", "landed", "modelled"),
    noun="measures",
    checks=(
        Check(
            "marts_reconcile",
            "critical",
            lambda gx: gx.ExpectColumnPairValuesToBeEqual(column_A="landed", column_B="modelled"),
            meaning="No session, event, order, product, user or address is lost or doubled between the extract and "
            "the marts.",
            look="both numbers of the measure; include/sql/quality/rows/reconciliation.sql has the queries",
            remedy="model",
        ),
    ),
)
