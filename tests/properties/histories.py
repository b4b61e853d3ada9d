"""Random small histories of a shop, and random paths of operations on its warehouse.

Everything is drawn by one function, `below(n)`: an integer from 0 to n - 1, 0 being the plainest choice. A case is made
from a fixed number of bytes, which Hypothesis draws and shrinks.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from greenery.source.tables import TABLES

from tests.properties.reference import Extract

FIRST_AS_OF = datetime(2023, 1, 11)
WEEK = timedelta(days=7)
HOUR = timedelta(hours=1)
INSTANT = timedelta(microseconds=1)
KEYS = {table.name: table.key for table in TABLES}
OPERATIONS = (
    "run",
    "land",
    "hold",
    "correct",
    "land a correction",
    "withdraw",
    "break before publish",
    "break in the build",
    "publish again",
    "full refresh",
)

# What is done to a week the first time: mostly it is run, else there is little left to compare.
FIRST_OPERATIONS = ("run",) * 9 + ("land", "hold", "break before publish", "break in the build", "full refresh")

ORDER_IDS = ("o1", "o2", "o3", "o'4")
USER_IDS = ("u1", "u2", "u3")
PRODUCT_IDS = ("p1", "p2", "p3")
MOMENTS = (FIRST_AS_OF - 30 * HOUR, FIRST_AS_OF - 100 * HOUR, FIRST_AS_OF + 50 * HOUR)
MONEY = (Decimal("10.00"), Decimal("12.50"))
# The values a column can take; the first is the plainest. Events' times and keys are drawn apart.
VALUES: dict[str, dict[str, Sequence[Any]]] = {
    "orders": {
        "user_id": ("u1", "u2"),
        "promo_id": (None, "spring"),
        "address_id": ("a1", "a2"),
        "created_at": MOMENTS,
        "order_cost": MONEY,
        "shipping_cost": (Decimal("5.00"),),
        "order_total": (Decimal("15.00"), Decimal("17.50"), None),
        "tracking_id": (None, "t1"),
        "shipping_service": (None, "ups"),
        "estimated_delivery_at": (None, *MOMENTS[:2]),
        "delivered_at": (None, *MOMENTS[:2]),
        "status": ("preparing", "shipped", "delivered", "preparing", "shipped", None),
    },
    "order_items": {"quantity": (1, 2)},
    "users": {
        "created_at": MOMENTS[:1],
        "updated_at": MOMENTS,
        "address_id": ("a1", "a2", "a3", None),
    },
    "addresses": {
        "zipcode": ("02134", "94110"),
        "state": ("MA", "CA", None),
        "country": ("US", "NL"),
    },
    "products": {"name": ("Fern", "Ivy"), "price": MONEY, "inventory": (5, 4, None)},
    "promos": {"discount": (Decimal("2.00"), Decimal("3.00")), "status": ("active", "inactive")},
}
NEW_KEYS = {
    "orders": [(order_id,) for order_id in ORDER_IDS],
    "order_items": [(order_id, product_id) for order_id in ORDER_IDS[:3] for product_id in PRODUCT_IDS],
    "users": [(user_id,) for user_id in USER_IDS],
    "addresses": [("a1",), ("a2",), ("a3",)],
    "products": [(product_id,) for product_id in PRODUCT_IDS],
    "promos": [("spring",)],
}
# How often each table is edited.
EDITED = ("events",) * 4 + ("orders",) * 4 + ("order_items",) * 3 + ("users",) * 3 + ("addresses",) * 3
EDITED += ("products",) * 2 + ("promos",)
CHOICES = 900
STEPS = ("page_view", "add_to_cart", "checkout", "package_shipped")


@dataclass(frozen=True)
class Operation:
    """What is done, and to which week (a number from 0); `value` says where a build breaks off, in thousandths."""

    name: str
    week: int
    value: int = 0

    def __str__(self) -> str:
        where = f" after {self.value / 10:g} % of its statements" if self.name == "break in the build" else ""
        return f"{self.name} {self.week}{where}"


@dataclass
class Case:
    """A history and a path: for each week that has one its extract, and in what other content it may be landed."""

    contents: dict[int, list[Extract]]
    path: list[Operation]

    def __repr__(self) -> str:
        return f"\n{describe(self.contents)}\npath: {'; '.join(map(str, self.path))}\n"


def describe(contents: dict[int, list[Extract]]) -> str:
    """Return a history as text: the first extract whole, of the others what differs from the one named."""
    lines = []
    base: Extract | None = None
    for week, variants in contents.items():
        for number, extract in enumerate(variants):
            since = f", events since {extract.events_since}" if extract.events_since else ""
            against = f", against content 0 as of {base.as_of:%Y-%m-%d}" if base else ""
            lines.append(f"week {week}, content {number}, as of {extract.as_of:%Y-%m-%d}{since}{against}:")
            for table, rows in extract.tables.items():
                before = base.tables[table] if base else []
                lines += [f"  {table}: {_row_text(row)}" for row in rows if row not in before]
                lines += [f"  {table}: without {_row_text(row)}" for row in before if row not in rows]
            if number == 0:
                base = extract
    return "\n".join(lines)


def _row_text(row: dict) -> str:
    return ", ".join(f"{name}={value}" for name, value in row.items() if value is not None and name != "page_url")


def case_of(choices: bytes) -> Case:
    """Return the case that `choices` stand for; after the last, every choice is the plainest."""
    left = iter(choices)

    def below(n: int) -> int:
        number = next(left, 0)
        return (number if n <= 40 else 256 * number + next(left, 0)) % n

    contents = make_history(below)
    return Case(contents, make_path(below, list(contents)))


def extract_id(extract: Extract) -> str:
    """Return the id of an extract, which holds its content."""
    content = repr((extract.tables, extract.events_since)).encode()
    return f"{extract.as_of:%Y-%m-%d}-{hashlib.md5(content, usedforsecurity=False).hexdigest()[:16]}"


def make_history(below: Callable[[int], int], weeks: int | None = None) -> dict[int, list[Extract]]:
    """Return the extracts of 1 to 5 weeks by week, of which some may be missing; each in one or more contents."""
    weeks = weeks or (2, 1, 3, 2, 3, 4, 3, 5)[below(8)]
    shop = _Shop(below)
    contents: dict[int, list[Extract]] = {}
    for week in range(weeks):
        shop.live(week)
        missing = below(7) == 6 and (contents or week + 1 < weeks)
        if not missing:
            variants = [shop.extract(week)]
            for _ in range((0, 0, 1, 1, 2)[below(5)]):
                other = shop.sibling()
                for _ in range(1 + below(3)):
                    other.edit(week)
                variant = other.extract(week)
                if extract_id(variant) not in map(extract_id, variants):
                    variants.append(variant)
            contents[week] = variants
    return contents


def make_path(below: Callable[[int], int], weeks: list[int]) -> list[Operation]:
    """Return operations on the weeks: each in some order, and some more."""
    waiting = list(weeks)
    path = []
    in_order = below(2) == 0
    while waiting:
        week = waiting.pop(0 if in_order else below(len(waiting)))
        path.append(_operation(below, FIRST_OPERATIONS, week))
    for _ in range(below(4)):
        place = len(path) - below(len(path) + 1)
        path.insert(place, _operation(below, OPERATIONS, weeks[below(len(weeks))]))
    return path


def _operation(below: Callable[[int], int], names: tuple[str, ...], week: int) -> Operation:
    name = names[below(len(names))]
    return Operation(name, week, below(1000) if name == "break in the build" else 0)


class _Shop:
    """The source as it is now: rows by table and key; what left it may come back."""

    def __init__(self, below: Callable[[int], int]) -> None:
        self._below = below
        self._rows: dict[str, dict[tuple, dict]] = {table.name: {} for table in TABLES}
        self._gone: dict[str, dict[tuple, dict]] = {table.name: {} for table in TABLES}
        self._events = 0
        for table in ("products", "addresses", "addresses", "users", "users", "promos", "orders", "orders"):
            self._add(table, 0)
        self._chain(0)

    def sibling(self) -> _Shop:
        """Return a shop that is the same and lives on by itself."""
        other = copy.copy(self)
        other._rows = copy.deepcopy(self._rows)
        other._gone = copy.deepcopy(self._gone)
        # Its events are others than those that come to this one.
        other._events += 100
        return other

    def live(self, week: int) -> None:
        """Let a week pass."""
        if self._below(2):
            self._chain(week)
        for _ in range(self._below(3)):
            self._add("events", week)
        events = list(self._rows["events"].values())
        if events and self._below(2):
            # The same step once more.
            event = self._pick(events)
            self._add("events", week).update(
                {**event, "event_id": f"e{self._events}", "created_at": self._moment(week)}
            )
        if events and self._below(3) == 2:
            # Another event of a session that is there, with a clock far behind.
            event, session_id = self._add("events", week), self._pick(events)["session_id"]
            event.update(session_id=session_id, created_at=self._long_before(week))
        self._orders_move()
        self._events_wander(week)
        for _ in range(self._below(6)):
            self.edit(week)

    def _orders_move(self) -> None:
        """Let some orders change, go or come back."""
        rows, gone = self._rows["orders"], self._gone["orders"]
        back = [key for key in gone if self._below(3) == 2]
        for key in list(rows):
            action = self._pick(("stay", "stay", "stay", "status", "status", "any column", "go"))
            if action == "go":
                gone[key] = rows.pop(key)
            elif action != "stay":
                column = "status" if action == "status" else self._pick(list(VALUES["orders"]))
                rows[key][column] = self._pick(VALUES["orders"][column])
        for key in back:
            rows.setdefault(key, gone.pop(key))

    def _events_wander(self, week: int) -> None:
        """Let some events leave the source, and some come back, as they were or not."""
        rows, gone = self._rows["events"], self._gone["events"]
        back = [key for key in gone if self._below(3) == 2]
        for key in list(rows):
            action = self._below(12)
            if action == 11:
                gone[key] = rows.pop(key)
            elif action == 10:
                self._change_event(rows[key], week)
        for key in back:
            row = rows.setdefault(key, gone.pop(key))
            if self._below(2):
                self._change_event(row, week)

    def _change_event(self, event: dict, week: int) -> None:
        column = self._pick([name for name in event if name not in ("event_id", "page_url")])
        event[column] = self._event_value(event, column, week)

    def extract(self, week: int) -> Extract:
        """Return the state of the source; sometimes with a window of events only."""
        as_of = FIRST_AS_OF + week * WEEK
        days = (None, None, None, 7, 14)[self._below(5)]
        since = as_of - timedelta(days=days) if days else None
        tables = {table: [dict(row) for row in rows.values()] for table, rows in self._rows.items()}
        if since:
            tables["events"] = [
                event for event in tables["events"] if event["created_at"] is None or event["created_at"] >= since
            ]
        return Extract(as_of, tables, since)

    def edit(self, week: int) -> None:
        """Change, remove, bring back or add a row."""
        table = self._pick(EDITED)
        rows, gone = self._rows[table], self._gone[table]
        action = self._pick(("change", "change", "remove", "bring back", "add"))
        if action == "change" and rows:
            row = rows[self._pick(list(rows))]
            if table == "events":
                self._change_event(row, week)
            else:
                column = self._pick(list(VALUES[table]))
                row[column] = self._pick(VALUES[table][column])
        elif action == "remove" and rows:
            key = self._pick(list(rows))
            gone[key] = rows.pop(key)
        elif action == "bring back" and gone:
            key = self._pick(list(gone))
            row = gone.pop(key)
            rows.setdefault(key, row)
        else:
            self._add(table, week)

    def _chain(self, week: int) -> None:
        """Add a session that goes some way through the funnel, and its order."""
        session_id = f"s{1 + self._below(4)}"
        user_id = self._pick(USER_IDS)
        order_id = self._pick(ORDER_IDS)
        at = self._moment(week)
        for step in STEPS[: 1 + self._below(4)]:
            event = self._add("events", week)
            product_id = self._pick(PRODUCT_IDS) if step in STEPS[:2] else None
            event.update(session_id=session_id, user_id=user_id, event_type=step, created_at=at, product_id=product_id)
            event["order_id"] = order_id if step in STEPS[2:] else None
            if step == "checkout":
                self._rows["orders"].setdefault((order_id,), self._new("orders", (order_id,)))
                for product_id in PRODUCT_IDS[: 1 + self._below(2)]:
                    key = (order_id, product_id)
                    self._rows["order_items"].setdefault(key, self._new("order_items", key))
            at += self._pick((HOUR, timedelta(days=2), WEEK, timedelta(0)))

    def _add(self, table: str, week: int) -> dict:
        """Add a row with a key that is not there, if one is left; return it."""
        if table == "events":
            self._events += 1
            key: tuple = (f"e{self._events}",)
            columns = ("session_id", "user_id", "page_url", "created_at", "event_type", "order_id", "product_id")
            row = {"event_id": key[0], **dict.fromkeys(columns)}
            row["event_type"] = self._event_value(row, "event_type", week)
            for name in columns:
                if name != "event_type":
                    row[name] = self._event_value(row, name, week)
        else:
            free = [key for key in NEW_KEYS[table] if key not in self._rows[table]] or NEW_KEYS[table]
            key = self._pick(free)
            row = self._new(table, key)
        self._rows[table][key] = row
        return row

    def _new(self, table: str, key: tuple) -> dict:
        row = dict(zip(KEYS[table], key, strict=True))
        # Mostly the plainest values: edits bring the others.
        plain = self._below(3) < 2
        for name, values in VALUES[table].items():
            row[name] = values[0] if plain else self._pick(values)
        return row

    def _event_value(self, event: dict, column: str, week: int) -> Any:
        if column == "session_id":
            return self._pick(("s1", "s2", "s3", "s4", "s1", "s2", "s3", "s4", "s1", None))
        if column == "user_id":
            return self._pick(("u1", "u2", None, "u1", "u3", "u2", "u9"))
        if column == "page_url":
            return "https://greenery.example/"
        if column == "created_at":
            return None if self._below(40) == 39 else self._moment(week)
        if column == "event_type":
            return self._pick((*STEPS, *STEPS, *STEPS, "page_view", "wishlist", None))
        fits = event["event_type"] in (STEPS[:2] if column == "product_id" else STEPS[2:])
        if not fits and self._below(8) < 7:
            return None
        ids = (*PRODUCT_IDS, None) if column == "product_id" else (*ORDER_IDS, "o9", None)
        return self._pick(ids)

    def _moment(self, week: int) -> datetime:
        """Return a time, mostly in the week, at times before it, at its very ends, or after it; seldom long before."""
        if self._below(20) == 19:
            return self._long_before(week)
        end = FIRST_AS_OF + week * WEEK + self._pick((0, 0, 0, 0, -1, -1, -2, 1)) * WEEK
        return end - self._pick((30 * HOUR, HOUR, 100 * HOUR, 6 * 24 * HOUR, WEEK, INSTANT, timedelta(0), 31 * HOUR))

    def _long_before(self, week: int) -> datetime:
        """Return a time around the limit from which an event is backdated where the week before has an extract."""
        limit = FIRST_AS_OF + (week - 1) * WEEK - timedelta(days=30)
        return self._pick((datetime(1970, 1, 1), limit - 48 * WEEK, limit - INSTANT, limit))

    def _pick(self, values: Sequence[Any]) -> Any:
        return values[self._below(len(values))]
