"""The quality gate: what a run built is judged before anything of it is published.

`checks` says what is checked and how much it matters, `findings` and `history` work out one number a check by SQL in
the warehouse, `suites` has Great Expectations judge the numbers, `verdict` says what becomes of the extract.
"""

from greenery.quality.verdict import HeldError, Verdict, judge

__all__ = ["HeldError", "Verdict", "judge"]
