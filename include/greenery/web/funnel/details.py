"""The answers that show single sessions, orders and weeks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from fastapi import HTTPException, status

from greenery.figures import order_changes as figures
from greenery.figures import values
from greenery.messages.week_state import ListedWeek
from greenery.publishing.reading import Known, Version
from greenery.report import judged, run_note, weeks
from greenery.settings import Settings
from greenery.web.funnel.model import (
    ChangedOrder,
    Country,
    FailedCheck,
    Happening,
    Item,
    Named,
    Note,
    Options,
    Order,
    OrderAnswer,
    OrderChangesAnswer,
    OrderVersion,
    Session,
    SessionAnswer,
    SessionsAnswer,
    StatusAnswer,
    StatusWeek,
)
from greenery.web.funnel.queries import AsOf, DrillDown
from greenery.web.funnel.selecting import known_on, of_version, select


class Details:
    """Answers questions about single sessions, orders and weeks of one version."""

    def __init__(self, version: Version, settings: Settings) -> None:
        self._version, self._settings = version, settings

    def options(self, query: AsOf, notes: Sequence[Note]) -> Options:
        """Return the values that can be chosen. notes: all notes; those of later days are left out."""
        known = known_on(self._version, query)
        places = known.all_rows("places")
        return Options(
            **of_version(self._version, known),
            as_ofs=tuple(as_of.date() for as_of in reversed(self._version.extracts)),
            **known.all_rows("days")[0],
            products=tuple(Named(**row) for row in known.all_rows("products")),
            countries=tuple(
                Country(name=name, states=tuple(row["state"] for row in rows))
                for name, rows in groupby(places, key=itemgetter("country"))
            ),
            notes=tuple(note for note in notes if note.day < known.as_of.date()),
            maturity_days=self._settings.maturity_days,
        )

    def sessions(self, query: DrillDown) -> SessionsAnswer:
        """Return the sessions behind a bar. Raises HTTPException (422) if a value of the query is not known."""
        known = known_on(self._version, query)
        selected = select(known, query)
        parameters = {"reached": query.reached, "lost": query.lost, "most": query.limit}
        rows = known.rows("drill_down", {**selected.parameters, **parameters}, ("selected", selected.query))
        return SessionsAnswer(
            **of_version(self._version, known),
            total=rows[0]["total"] if rows else 0,
            sessions=tuple(Session(**_typed(row, without=("total",))) for row in rows),
        )

    def session(self, session_id: str, query: AsOf) -> SessionAnswer:
        """Return a session with its orders. Raises HTTPException (404) if it was not known on that day."""
        known = known_on(self._version, query)
        rows = known.rows("session_steps", {"session_id": session_id})
        if not rows:
            raise HTTPException(
                status.HTTP_404_NOT_FOUND, f"No session {session_id!r} was known on {known.as_of:%Y-%m-%d}."
            )
        return SessionAnswer(
            **of_version(self._version, known),
            session_id=session_id,
            happenings=tuple(Happening(**{**_typed(row), "known_as_of": row["known_as_of"].date()}) for row in rows),
            orders=_orders(known, sorted({row["order_id"] for row in rows if row["order_id"] is not None})),
        )

    def order(self, order_id: str, query: AsOf) -> OrderAnswer:
        """Return an order with all its versions. Raises HTTPException (404) if none was known on that day."""
        known = known_on(self._version, query)
        orders = _orders(known, [order_id])
        if not orders[0].versions:
            raise HTTPException(
                status.HTTP_404_NOT_FOUND, f"No order {order_id!r} was known on {known.as_of:%Y-%m-%d}."
            )
        return OrderAnswer(**of_version(self._version, known), order=orders[0])

    def order_changes(self, query: AsOf) -> OrderChangesAnswer:
        """Return the orders that changed since the extract before."""
        known = known_on(self._version, query)
        rows = known.rows("order_changes")
        previous = self._version.compared_with[known.as_of]
        counted = Counter(row["change"] for row in rows)
        return OrderChangesAnswer(
            **of_version(self._version, known),
            previous_as_of=previous.date() if previous else None,
            changes={change: counted[change] for change in figures.CHANGES},
            status_transitions=figures.transitions(
                [(row["status_from"], row["status_to"]) for row in rows if row["change"] == "status_changed"]
            ),
            orders=tuple(ChangedOrder(**_typed(row)) for row in rows),
        )

    def status(self) -> StatusAnswer:
        """Return the state of each week, newest first."""
        return StatusAnswer(
            version=self._version.number,
            as_of=self._version.extracts[-1].date(),
            weeks=tuple(self._week(week) for week in reversed(weeks.listed(self._settings))),
        )

    def _week(self, week: ListedWeek) -> StatusWeek:
        as_of = datetime.combine(week.as_of, datetime.min.time())
        quality = judged.quality_of(self._settings, as_of)
        note = run_note.note_of(self._settings, as_of)
        failed = [check for check in quality.checks if not check.passed] if quality else []
        return StatusWeek(
            as_of=week.as_of,
            state=week.state,
            reason=week.reason,
            published=week.published,
            restated=week.restated,
            outdated=week.outdated,
            next_command=week.next_command,
            verdict=quality.verdict if quality else None,
            checks=len(quality.checks) if quality else 0,
            failed=tuple(
                FailedCheck(check=one.check, severity=one.severity, observed=one.observed, accepted=one.accepted)
                for one in failed
            ),
            has_report=week.has_page,
            run=note.url if note else None,
        )


def _orders(known: Known, order_ids: Sequence[str]) -> tuple[Order, ...]:
    if not order_ids:
        return ()
    versions = _by_order(known.rows("order_versions", {"order_id": order_ids}))
    items = _by_order(known.rows("order_items", {"order_id": order_ids}))
    return tuple(
        Order(
            order_id=order_id,
            items=tuple(
                Item(product_id=row["product_id"], quantity=row["quantity"]) for row in items.get(order_id, ())
            ),
            versions=tuple(_order_version(row) for row in versions.get(order_id, ())),
        )
        for order_id in order_ids
    )


def _order_version(row: Mapping[str, Any]) -> OrderVersion:
    valid_to = row["valid_to"]
    return OrderVersion(
        **{
            **_typed(row, without=("order_id",)),
            "valid_from": row["valid_from"].date(),
            "valid_to": valid_to and valid_to.date(),
        }
    )


def _by_order(rows: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    return {order_id: list(found) for order_id, found in groupby(rows, key=itemgetter("order_id"))}


def _typed(row: Mapping[str, Any], without: Sequence[str] = ()) -> dict[str, Any]:
    """Return a row in which times have a zone and `products`, one id in each line, is a tuple."""
    typed: dict[str, Any] = {
        name: values.moment(value) if isinstance(value, datetime) else value for name, value in row.items()
    }
    if "products" in typed:
        typed["products"] = tuple(typed["products"].split("\n")) if typed["products"] else ()
    return {name: value for name, value in typed.items() if name not in without}
