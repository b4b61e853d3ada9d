"""What the random cases had in them, counted, printed and written to docs/proofs."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from greenery.settings import REPOSITORY

from tests.properties.reference import Extract, known_events

REPORT = REPOSITORY / "docs" / "proofs" / "properties.md"
# What each part counted; the report adds them up.
FOLDER = REPORT.with_name("histories")
STATUSES = ("preparing", "shipped", "delivered")
WEEK = timedelta(days=7)
# A test reports its counts under this name among its user properties, which reach the process that prints.
PROPERTY = "cases of the one rule"
PARTS = 10
HEADER = """# Thousands of random histories

Written by `make prove`, or part by part by `make prove-histories PART=3/10`; `make test` runs 200. Each case
is a random small shop over one to five weeks and a random path of operations on its warehouse, replayed with the
statements that dbt executes. After it, and after the runs that its stale reports ask for, all relations equal a build
from the start, row for row; they and the summaries' figures equal the definitions in plain Python; every summary is the
same, byte for byte; and nothing is published that is not admitted, at any time on the way. How it is done:
`tests/properties/`.

| cases | with |
|---:|---|
"""


def summarize(terminal: Any, *, write: bool) -> None:
    """Print the counts of the parts that ran and passed; write them down, and the report of all parts there are."""
    parts = {
        part: (report.duration, counts)
        for report in terminal.stats.get("passed", [])
        for name, (part, counts) in report.user_properties
        if name == PROPERTY
    }
    if not parts:
        return
    cases, seconds = (sum(found) for found in zip(*((c["cases"], s) for s, c in parts.values()), strict=True))
    terminal.write_line(
        f"one rule: {cases} random histories, {len(parts)} of {PARTS} parts, {1000 * seconds / cases:.0f} ms a history"
    )
    if write:
        commit = _commit()
        FOLDER.mkdir(parents=True, exist_ok=True)
        for part, (seconds, counts) in parts.items():
            document = {"part": part, "of": PARTS, "commit": commit, "seconds": round(seconds), "counts": counts}
            (FOLDER / f"{part:02}.json").write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")
        write_report()


def write_report() -> None:
    """Write the report from the counts of all parts that were written down."""
    parts = [json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))]
    counts: Counter[str] = Counter()
    for part in parts:
        counts.update(part["counts"])
    lines = "".join(f"| {number:,} | {name} |\n" for name, number in _sorted(counts))
    times = "".join(
        f"| {part['part']} of {part['of']} | {part['counts']['cases']:,} | {part['seconds'] / 60:.0f} "
        f"| `{part['commit']}` |\n"
        for part in parts
    )
    REPORT.write_text(f"{HEADER}{lines}\n| part | cases | minutes | at commit |\n|---|---:|---:|---|\n{times}")


def _commit() -> str:
    """Return the short hash of what was proved; with a plus where the working tree differs from it."""
    git = ["git", "-C", str(REPOSITORY)]
    head = subprocess.check_output([*git, "rev-parse", "--short", "HEAD"], text=True).strip()
    differs = subprocess.check_output([*git, "status", "--porcelain", "include", "tests"], text=True)
    return f"{head}+" if differs else head


def _sorted(counts: Counter[str]) -> list[tuple[str, int]]:
    cases = [("all cases", counts["cases"])]
    return cases + sorted(
        ((name, number) for name, number in counts.items() if name != "cases"), key=lambda item: (-item[1], item[0])
    )


def history_features(extracts: list[Extract]) -> set[str]:
    """Return what is special in the admitted extracts (oldest first)."""
    return {
        *_calendar(extracts),
        *_event_features(extracts),
        *_backdated_features(extracts),
        *_order_features(extracts),
        *_other_features(extracts),
    }


def _calendar(extracts: list[Extract]) -> Iterator[str]:
    if len(extracts) > 1:
        yield "two or more extracts"
    if any(later.as_of - earlier.as_of > WEEK for earlier, later in pairwise(extracts)):
        yield "a week missing between two extracts"
    if any(extract.events_since for extract in extracts):
        yield "a window of events"


def _event_features(extracts: list[Extract]) -> Iterator[str]:
    first_seen: dict[str, tuple[datetime, dict]] = {}
    sessions: dict[str, list[datetime]] = {}
    session_seen: dict[str, datetime] = {}
    ends = {extract.as_of for extract in extracts}
    before: set[str] = set()
    for number, extract in enumerate(extracts):
        now = {event["event_id"]: event for event in extract.tables["events"]}
        if any(event_id in first_seen and event_id not in before for event_id in now):
            yield "an event left and came back"
        before = set(now)
        for event_id, event in now.items():
            at, session_id = event["created_at"], event["session_id"]
            if event_id in first_seen:
                if event != first_seen[event_id][1]:
                    yield "an event with other content in a later extract"
                continue
            first_seen[event_id] = (extract.as_of, event)
            for name in ("user_id", "order_id", "product_id"):
                if event[name] is None and (name == "user_id" or event["event_type"] in ("checkout", "page_view")):
                    yield f"an event without {name}"
            if at is None or session_id is None:
                yield "an event without time or session"
                continue
            if at >= extract.as_of:
                yield "an event dated ahead of its extract"
            if number and at < extracts[number - 1].as_of:
                yield "a late event"
            if at in ends:
                yield "an event at the very end of a week"
            if session_id not in session_seen:
                session_seen[session_id] = extract.as_of
                if at < extract.as_of - WEEK:
                    yield "a session first seen weeks later"
            elif session_seen[session_id] < extract.as_of and at < min(sessions[session_id]):
                yield "an earlier event of a session known later"
            if event["event_type"] == "package_shipped" and any(
                at - other >= WEEK for other in sessions.get(session_id, [])
            ):
                yield "a shipment a week or more after its session began"
            sessions.setdefault(session_id, []).append(at)
    if any(min(times) < end <= max(times) for times in sessions.values() for end in ends):
        yield "a session that crosses a week's end"


def _backdated_features(extracts: list[Extract]) -> Iterator[str]:
    sessions: dict[str, list[dict]] = {}
    for event in known_events(extracts, extracts[-1].as_of):
        if event["session_id"] is not None:
            sessions.setdefault(event["session_id"], []).append(event)
    for events in sessions.values():
        backdated = [event for event in events if event["backdated"]]
        if backdated and len(backdated) == len(events):
            yield "a session of backdated events alone"
        elif backdated:
            start = min(event["created_at"] for event in events if not event["backdated"])
            yield "a backdated event in a session that others date"
            if any(event["created_at"] >= start for event in backdated):
                yield "a backdated event after its session's start"
            steps = {event["event_type"] for event in events if event["created_at"] >= start}
            if any(event["event_type"] not in steps for event in backdated):
                yield "a step that only a backdated event shows"


def _order_features(extracts: list[Extract]) -> Iterator[str]:
    seen: set[str] = set()
    before: dict[str, dict] = {}
    for number, extract in enumerate(extracts):
        now = {order["order_id"]: order for order in extract.tables["orders"]}
        for order_id, order in now.items():
            if order_id in before:
                yield from _order_change(before[order_id], order)
            elif order_id in seen:
                yield "an order returned"
            elif number:
                yield "a new order"
        if set(before) - set(now):
            yield "an order vanished"
        seen |= set(now)
        before = now


def _order_change(then: dict, now: dict) -> Iterator[str]:
    differing = [name for name in now if now[name] != then[name]]
    if "status" in differing:
        yield "an order's status changed"
        old, new = then["status"], now["status"]
        if old in STATUSES and new in STATUSES and STATUSES.index(new) < STATUSES.index(old):
            yield "an order's status went back"
    elif differing:
        yield "an order's details alone changed"
    if any((now[name] is None) != (then[name] is None) for name in differing):
        yield "an order's value to or from NULL"


def _other_features(extracts: list[Extract]) -> Iterator[str]:
    keys = {"users": "user_id", "addresses": "address_id", "products": "product_id"}
    for earlier, later in pairwise(extracts):
        for table, key in keys.items():
            then, now = ({row[key]: row for row in extract.tables[table]} for extract in (earlier, later))
            if set(then) - set(now):
                yield f"one of the {table} gone"
            if any(now[name] != then[name] for name in set(then) & set(now)):
                yield f"one of the {table} changed"
        then, now = ({} for _ in range(2))
        for items, extract in ((then, earlier), (now, later)):
            for row in extract.tables["order_items"]:
                items.setdefault(row["order_id"], {})[row["product_id"]] = row["quantity"]
        if set(then) - set(now):
            yield "an order's items all gone"
        if any(then[name] != now[name] for name in set(then) & set(now)):
            yield "an order's items changed"
