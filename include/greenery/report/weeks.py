"""What became of each week, for `make status` and the list of reports."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from greenery import commands
from greenery.build import ledger
from greenery.channels import sent as delivery_ledger
from greenery.files import write_atomically
from greenery.messages import page
from greenery.settings import WEEK, Settings
from greenery.source import folders as extracts


def record(settings: Settings, connection: duckdb.DuckDBPyConnection) -> None:
    """Write `reports/weeks.json` and `reports/index.html` from the ledger, so that readers need no warehouse."""
    published = _published_extracts(settings)
    outdated = ledger.outdated_reports(connection, published, settings.maturity_days)
    published_weeks = {extract_id[:10] for extract_id in published}
    landed = ledger.extracts(connection)
    weeks = []
    for row in landed:
        # What is landed again waits beside what readers have of its week.
        waits = row["state"] == "landed" and [other["as_of"] for other in landed].count(row["as_of"]) > 1
        is_published = not waits and f"{row['as_of']:%Y-%m-%d}" in published_weeks
        weeks.append(_week(settings, row, is_published, row["as_of"] in outdated))
    with _lock(settings):
        write_atomically(settings.reports / "weeks.json", json.dumps(weeks, indent=2, ensure_ascii=False) + "\n")
        _write_index(settings)


def write_index(settings: Settings) -> None:
    """Write `reports/index.html` anew after something was delivered; it needs no warehouse."""
    with _lock(settings):
        _write_index(settings)


def _write_index(settings: Settings) -> None:
    write_atomically(settings.reports / "index.html", page.render_index(listed(settings)))


@contextmanager
def _lock(settings: Settings) -> Iterator[None]:
    """Let one process at a time write the list: one that read an older `weeks.json` must not be the last to write."""
    settings.reports.mkdir(parents=True, exist_ok=True)
    with (settings.reports / ".index.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def outdated(settings: Settings) -> list[date]:
    """Return the weeks (as_of) whose report would differ if it were written now, oldest first."""
    return [date.fromisoformat(week["as_of"]) for week in _recorded(settings) if week["outdated"]]


def state_of(settings: Settings, as_of: datetime) -> str:
    """Return what is known of a week's extract, such as `its extract is held: sessions_unique: 3 rows fail`."""
    week = next((week for week in _recorded(settings) if week["as_of"] == f"{as_of:%Y-%m-%d}"), None)
    if week is None:
        return "its extract is not landed"
    return f"its extract is {week['state']}" + (f": {week['reason']}" if week["reason"] else "")


def _published_extracts(settings: Settings) -> list[str]:
    """Return the ids of the extracts that readers have, oldest first: they begin with the as_of."""
    manifest = settings.published / "manifest.json"
    return json.loads(manifest.read_text(encoding="utf-8"))["admitted_extracts"] if manifest.exists() else []


def _week(settings: Settings, extract: dict, published: bool, outdated: bool) -> dict:
    day = f"{extract['as_of']:%Y-%m-%d}"
    state = extract["state"]
    folder = settings.report_folder(extract["as_of"])
    has_report = (folder / "summary.json").exists()
    rerun = commands.backfill(settings, day, day)
    next_command: str | None = None
    if extract["withdrawn"]:
        next_command = f"to bring it back: {commands.backfill(settings, day, day, {'reextract': True})}"
    elif state == "held":
        next_command = commands.way_out(settings, day, _recorded_way_out(folder / "quality.json"))
    elif outdated or state == "landed" or not has_report:
        next_command = rerun
    return {
        "as_of": day,
        "state": state,
        "reason": extract["reason"] or (state == "admitted" and _acceptance(extract)) or None,
        "published": published,
        "has_report": has_report,
        "restated": (folder / "restatement.json").exists(),
        "outdated": outdated,
        "next_command": next_command,
    }


def _recorded_way_out(quality: Path) -> commands.WayOut:
    found = json.loads(quality.read_text(encoding="utf-8")) if quality.exists() else {}
    return found.get("way_out") or "extract"


def _acceptance(extract: dict) -> str:
    accepted = json.loads(extract["accepted"] or "null")
    return f"accepted: {accepted['reason']} ({', '.join(accepted['checks'])})" if accepted else ""


def listed(settings: Settings) -> list[dict]:
    """Return what is recorded of each week, with where and when its digest was delivered, and where it is owed."""
    weeks = []
    for week in [*_recorded(settings), *_not_landed(settings)]:
        delivery = _delivery(settings, datetime.fromisoformat(week["as_of"]))
        if delivery["owed"] and week["published"] and not week["next_command"]:
            week["next_command"] = commands.backfill(settings, week["as_of"], week["as_of"])  # delivers what is owed
        page_of_week = settings.report_folder(datetime.fromisoformat(week["as_of"])) / "index.html"
        weeks.append(week | delivery | {"has_page": page_of_week.exists()})
    return sorted(weeks, key=lambda week: week["as_of"])


def _not_landed(settings: Settings) -> list[dict]:
    """Return the weeks that are missing between those that are landed, or have a folder after them."""
    landed = {date.fromisoformat(week["as_of"]) for week in _recorded(settings)}
    if not landed:
        return []
    newest_ended = settings.newest_week_end(datetime.now(UTC)).date()
    folders = {week.date() for week in extracts.folders(settings) if week.date() <= newest_ended}
    first, last = min(landed), max(landed | folders)
    weeks = {first + WEEK * number for number in range((last - first) // WEEK + 1)}
    return [
        {
            "as_of": f"{week}",
            "state": "missing",
            "reason": "its folder is there and was not landed" if week in folders else "there is no extract of it",
            "published": False,
            "has_report": False,
            "restated": False,
            "outdated": False,
            "next_command": ("" if week in folders else f"put it into {settings.extracts / str(week)}, then ")
            + commands.backfill(settings, week, week),
        }
        for week in sorted(weeks - landed)
    ]


def _delivery(settings: Settings, as_of: datetime) -> dict[str, list[str]]:
    sent = delivery_ledger.sent(settings, "digest", f"{as_of:%Y-%m-%d}")
    delivered = [
        f"{row['channel']} {datetime.fromisoformat(row['sent_at']):%Y-%m-%d %H:%M} UTC"
        + (" (as withdrawn)" if "withdrawn" in row["reference"] else "")
        for row in sent
    ]
    in_outbox = (settings.home / "outbox" / f"digest-{as_of:%Y-%m-%d}.eml").exists()
    owed = delivery_ledger.owed_on(settings, as_of)
    return {
        "delivered": delivered or (["outbox"] if in_outbox else []),
        "owed": [f"owed in {channel}: {why}" for channel, why in owed.items()],
    }


def _recorded(settings: Settings) -> list[dict]:
    path = settings.reports / "weeks.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
