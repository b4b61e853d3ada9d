"""The quality gate: it judges what a run built, before anything is published.

`suites` holds the checks of each relation. `expectations` and `history` hold our own expectations, which Great
Expectations does not have. `validation` lets Great Expectations validate the suites in the warehouse, `findings` puts
the results into words, and `verdict` decides whether the extract is held. docs/architecture.md says how to add a check.
"""

from greenery.quality.verdict import HeldError, Verdict, judge

__all__ = ["HeldError", "Verdict", "judge"]
