"""The figures of a week that differ from those reported before, as a digest shows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from greenery.figures.restatement_model import Restatement
from greenery.messages import wording
from greenery.messages.digest_parts import Restated

SHOWN_FIGURES = 12
SCOPE_NAMES = {"week": "This week", "previous_week": "The week before", "all_time": "All time"}


def build(restatement: Restatement) -> Restated:
    """Return the main figures that differ from those reported before."""
    figures = main_figures(restatement)
    return Restated(
        notice="Restated: these figures differ from the ones reported before.",
        lead="These figures differ from the ones reported before.",
        figures=tuple(figures[:SHOWN_FIGURES]),
        in_all=f"{in_all(restatement)}: see restatement.json.",
    )


def main_figures(restatement: Restatement) -> list[tuple[str, str, str]]:
    """Return the main figures of restatement.json that differ, each as name, value before and value now.

    Figures that follow from these, such as shares, are left out.
    """
    figures = []
    for figure in restatement.figures:
        part, *path = figure.figure.split(".")
        write: Callable[[Any], str] = _count_or_nothing
        if figure.figure == "verdict.conversion":
            name, write = "This week: share checked out", wording.percent
        elif part == "funnel":
            name = f"{SCOPE_NAMES[path[0]]}: {wording.STEP_NAMES.get(path[1], path[1]).lower()}"
        elif part == "order_changes" and path[0] in wording.CHANGE_NAMES:
            name = f"Orders: {wording.CHANGE_NAMES[path[0]].lower()}"
        else:
            continue
        figures.append((name, write(figure.old), write(figure.new)))
    return figures


def _count_or_nothing(number: int | None) -> str:
    return wording.NOTHING if number is None else wording.count(number)


def in_all(restatement: Restatement) -> str:
    """Return the number of figures and orders in restatement.json, as text."""
    figures, orders = len(restatement.figures), len(restatement.orders)
    return f"{wording.count(figures, 'figure')} and {wording.count(orders, 'changed order')} differ in all"
