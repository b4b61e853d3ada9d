"""The quality gate: what a run built is judged before anything of it is published.

`suites` says what is expected of each relation and how much it matters, `expectations` and `history` have the
expectations that Great Expectations has not, `validation` has it validate the suites in the warehouse, `findings` puts
its results into words, `verdict` says what becomes of the extract.

To add a check, add one `Check` with its expectation to the suite of its relation in `suites`. Where it needs a fact
that the relation lacks, add a column to include/sql/quality/rows/<suite>.sql. Plant a fault that it catches in
tests/gate/faults.toml, and run `make docs`, which adds it to the runbook. `make check` and tests/gate name what is
missing.
"""

from greenery.quality.verdict import HeldError, Verdict, judge

__all__ = ["HeldError", "Verdict", "judge"]
