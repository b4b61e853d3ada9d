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
            meaning="The extract and the marts have the same numbers of sessions, events, orders, products, users and "
            "addresses: none is lost or counted twice.",
            look="the two numbers that differ; their queries are in include/sql/quality/rows/reconciliation.sql",
            remedy="model",
        ),
    ),
)
