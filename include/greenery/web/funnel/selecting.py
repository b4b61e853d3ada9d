"""Checked selections: every value exists, and every default is filled in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from fastapi import HTTPException, status

from greenery.publishing.reading import Known, Parameters, Version
from greenery.warehouse.statements import statement
from greenery.web.funnel.queries import FILTERS, AsOf, Selection

SHOWN_VALUES = 100
YEAR_OF_WEEKS = timedelta(weeks=52)


def refused(parameter: str, value: object, message: str, allowed: Sequence[str] = ()) -> HTTPException:
    """Return the error 422 that says what is wrong with a parameter, in the form of FastAPI's own errors.

    allowed: the values that can be used instead.
    """
    problem: dict[str, Any] = {"type": "value_error", "loc": ["query", parameter], "msg": message, "input": str(value)}
    if allowed:
        problem["ctx"] = {"allowed": list(allowed[:SHOWN_VALUES])}
    return HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, [problem])


def known_on(version: Version, query: AsOf) -> Known:
    """Return the data as known on the day of the query, by default the newest.

    Raises HTTPException (422) if the day is not the as_of of a published extract.
    """
    if query.as_of is None:
        return version.known_on(version.extracts[-1])
    as_of = datetime.combine(query.as_of, time())
    if as_of not in version.extracts:
        days = [f"{day:%Y-%m-%d}" for day in reversed(version.extracts)]
        raise refused(
            "as_of",
            query.as_of,
            f"{query.as_of} is not the as_of of a published extract. Use one of: {_some(days)}.",
            days,
        )
    return version.known_on(as_of)


def of_version(version: Version, known: Known) -> dict[str, Any]:
    """Return the fields of OfVersion: the published version and the day that an answer was read from."""
    return {"version": version.number, "as_of": known.as_of.date()}


@dataclass(frozen=True)
class Selected:
    """A checked selection of sessions: they start in [start, end), naive UTC, and match each filter that has values."""

    start: datetime
    end: datetime
    product: tuple[str, ...]
    country: tuple[str, ...]
    state: tuple[str, ...]
    visitor: tuple[str, ...]
    weekday: tuple[str, ...]

    @property
    def parameters(self) -> Parameters:
        """The parameters of the statements that read the selection."""
        values = {name: getattr(self, name) for name in FILTERS}
        return {
            "first": self.start,
            "until": self.end,
            **values,
            **{f"any_{name}": not values[name] for name in FILTERS},
        }

    @property
    def query(self) -> str:
        """The text (SQL) of the query that returns the sessions."""
        return statement("funnel/selected_by_product" if self.product else "funnel/selected")

    def earlier(self, by: timedelta) -> Selected:
        """Return the same selection at an earlier time. It never goes back beyond the year 1."""
        first = datetime(1, 1, 1)
        start, end = (first + max(day - first - by, timedelta()) for day in (self.start, self.end))
        return Selected(start, end, *(getattr(self, name) for name in FILTERS))


def select(known: Known, query: Selection, prefix: str = "") -> Selected:
    """Return the checked selection. Raises HTTPException (422) if a value is unknown, or if the period is empty.

    prefix: the prefix of the parameters' names, for errors.
    """
    allowed = values_of(known)
    chosen = {}
    for name in FILTERS:
        values = tuple(sorted(set(getattr(query, name))))
        for value in values:
            if name in allowed and value not in allowed[name]:
                known_values = sorted(allowed[name])
                raise refused(
                    prefix + name,
                    value,
                    f"{name} {value!r} is unknown. Use one of: {_some(known_values)}.",
                    known_values,
                )
        chosen[name] = values
    first = known.all_rows("days")[0]["first_day"] or known.as_of.date()
    start, end = query.from_ or first, query.to or known.as_of.date()
    if query.from_ and query.to and start > end:
        raise refused(f"{prefix}to", query.to, f"{query.to} is before {query.from_}. Use a day on or after it.")
    return Selected(_midnight(start), _midnight(max(start, end)), **chosen)


def values_of(known: Known) -> dict[str, frozenset[str]]:
    """Return the values that each filter may have, also those that became known only later."""

    places = known.all_rows("places")
    return {
        "product": frozenset(row["id"] for row in known.all_rows("products")),
        "country": frozenset(row["country"] for row in places),
        "state": frozenset(row["state"] for row in places),
    }


def _some(values: Sequence[str]) -> str:
    shown = ", ".join(values[:SHOWN_VALUES])
    return shown if len(values) <= SHOWN_VALUES else f"{shown} and {len(values) - SHOWN_VALUES} more"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())
