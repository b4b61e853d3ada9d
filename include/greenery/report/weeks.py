"""The list of weeks with the state of each. It is written as weeks.json and as a page; `make status` prints it."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time

from pydantic import TypeAdapter

from greenery import commands
from greenery.channels import sent
from greenery.channels.reference import Sent
from greenery.files import write_atomically
from greenery.landing import finding, ledger
from greenery.landing.extract import Extract
from greenery.messages import page
from greenery.messages.check_results import WARNING
from greenery.messages.week_state import ListedWeek, WeekFigures, WeekState
from greenery.publishing.versions import published_extracts
from greenery.report import runs, sources
from greenery.report.judged import quality_of
from greenery.report.runs import WeekRun
from greenery.settings import Settings
from greenery.warehouse.connection import Connection, rows
from greenery.week import WEEK, Week, week_ends

WEEKS = TypeAdapter(list[WeekState])


def write_list(settings: Settings, connection: Connection) -> None:
    """Write `reports/weeks.json` and `reports/index.html` from the ledger, so that readers need no warehouse."""
    published = published_extracts(settings, connection)
    outdated = _outdated_reports(connection, published, settings.maturity_days)
    published_weeks = {extract_id[:10] for extract_id in published}
    landed = [extract for extract in ledger.extracts(connection) if not extract.is_imported]
    weeks = []
    for extract in landed:
        # An extract that was landed again waits beside the published extract of its week.
        waits = extract.state == "landed" and [other.as_of for other in landed].count(extract.as_of) > 1
        is_published = not waits and Week(end=extract.as_of).name in published_weeks
        weeks.append(_week(settings, extract, is_published, extract.as_of in outdated))
    with _lock(settings):
        documents = [week.document() for week in weeks]
        write_atomically(settings.reports / "weeks.json", json.dumps(documents, indent=2, ensure_ascii=False) + "\n")
        _write_index(settings)


def _outdated_reports(connection: Connection, published: Sequence[str], maturity_days: int) -> set[datetime]:
    """Return the weeks (as_of) whose report was rendered from other extracts than those published up to this week now,
    or with another maturity.

    If the summary stays the same in every byte, `comparing.settle` has recorded the new extracts, and the week is left
    out.

    published: the ids of the published extracts, oldest first.
    """
    rendered_from = sources.by_week(published)
    return {
        row["as_of"]
        for row in rows(connection, "select as_of, extracts, maturity_days from landing.reports")
        if row["as_of"] in rendered_from
        and (row["extracts"], row["maturity_days"]) != (rendered_from[row["as_of"]], maturity_days)
    }


def write_index(settings: Settings) -> None:
    """Write `reports/index.html` again after a delivery. It needs no warehouse."""
    with _lock(settings):
        _write_index(settings)


def _write_index(settings: Settings) -> None:
    write_atomically(settings.reports / "index.html", page.render_index(listed(settings)))


@contextmanager
def _lock(settings: Settings) -> Iterator[None]:
    """Let only one process write the list at a time, so that one with an older `weeks.json` can't overwrite a newer
    list."""
    settings.reports.mkdir(parents=True, exist_ok=True)
    with (settings.reports / ".index.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def outdated(settings: Settings) -> list[date]:
    """Return the weeks (as_of) whose report would differ if it were written now, oldest first."""
    return [week.as_of for week in recorded(settings) if week.outdated]


def state_of(settings: Settings, as_of: datetime) -> str:
    """Return the state of a week's extract, such as `its extract is held: sessions_unique: 3 rows break the rule`."""
    week = next((week for week in recorded(settings) if week.as_of == as_of.date()), None)
    if week is None:
        return "its extract is not landed"
    return f"its extract is {week.state}" + (f": {week.reason}" if week.reason else "")


def recorded(settings: Settings) -> list[WeekState]:
    """Return the weeks of weeks.json, oldest first; none if nothing was landed."""
    path = settings.reports / "weeks.json"
    return WEEKS.validate_json(path.read_bytes()) if path.exists() else []


def _week(settings: Settings, extract: Extract, published: bool, outdated: bool) -> WeekState:
    day = extract.as_of.date()
    folder = settings.report_folder(extract.as_of)
    has_report = (folder / "summary.json").exists()
    rerun = commands.backfill(settings, day, day)
    next_command: str | None = None
    if extract.withdrawn:
        next_command = f"to bring it back: {commands.backfill(settings, day, day, {'reextract': True})}"
    elif extract.state == "held":
        quality = quality_of(settings, extract.as_of)
        next_command = commands.way_out(settings, day, (quality and quality.way_out) or "extract")
    elif outdated or extract.state == "landed" or not has_report:
        next_command = rerun
    return WeekState(
        as_of=day,
        state=extract.state,
        reason=extract.reason or (extract.state == "admitted" and _acceptance(extract)) or None,
        published=published,
        has_report=has_report,
        restated=(folder / "restatement.json").exists(),
        outdated=outdated,
        next_command=next_command,
    )


def _acceptance(extract: Extract) -> str:
    accepted = extract.accepted
    return f"accepted: {accepted.reason} ({', '.join(accepted.checks)})" if accepted else ""


def listed(settings: Settings) -> list[ListedWeek]:
    """Return all weeks, oldest first, also missing and late ones.

    Each week has the run that is under way, and the channels to which its digest was delivered or is owed.
    """
    under_way, owed = runs.under_way(settings), sent.owed_digests(settings)
    digests = sent.last_of_each(settings, "digest")
    weeks = [
        _listed(settings, week, under_way.get(week.as_of), digests.get(f"{week.as_of}", []), owed.get(week.as_of, {}))
        for week in [*recorded(settings), *_not_landed(settings, {*under_way, *owed})]
    ]
    return _in_ranges(settings, sorted(weeks, key=lambda week: week.as_of))


def _listed(
    settings: Settings, week: WeekState, run: WeekRun | None, digests: Sequence[Sent], owed_on: Mapping[str, str]
) -> ListedWeek:
    """Return a week as the list shows it. digests: those that were sent. owed_on: the channels, and why."""
    as_of = datetime.combine(week.as_of, time())
    delivered = tuple(
        f"{message.channel} {message.sent_at:%Y-%m-%d %H:%M} UTC"
        + (" (as withdrawn)" if message.reference.withdrawn else "")
        for message in digests
    )
    in_outbox = (settings.home / "outbox" / f"digest-{week.as_of}.eml").exists()
    owed = tuple(f"owed in {channel}: {why}" for channel, why in owed_on.items())
    due = settings.digest_due(as_of)
    found = ListedWeek(
        **dict(week),
        figures=_figures(settings, as_of) if week.has_report else None,
        delivered=delivered or (("outbox",) if in_outbox else ()),
        owed=owed,
        has_page=(settings.report_folder(as_of) / "index.html").exists(),
        run_since=run.since if run else None,
        waits_for=run.waits_for if run else "",
        due=due if owed and due <= datetime.now(UTC) else None,
    )
    if run:  # this run may do the next step by itself
        return found.model_copy(update={"next_command": None})
    if owed and week.published and not week.next_command:  # a run of the week delivers the digest that is owed
        return found.model_copy(update={"next_command": commands.backfill(settings, week.as_of, week.as_of)})
    return found


def _figures(settings: Settings, as_of: datetime) -> WeekFigures | None:
    """Return the main figures of a week's summary.json, which another version of the code may have written.

    None if a withdrawal has just deleted the file.
    """
    file = settings.report_folder(as_of) / "summary.json"
    if not file.exists():
        return None
    summary = json.loads(file.read_bytes())
    results, orders = quality_of(settings, as_of), summary["order_changes"]
    return WeekFigures(
        sessions=summary["funnel"]["week"]["sessions"],
        conversion=summary["verdict"]["conversion"],
        change_pp=summary["verdict"]["change_pp"],
        reading=summary["verdict"]["reading"],
        orders_changed=orders["total"] - orders["new"] if orders["previous_as_of"] else None,
        warnings=sum(check.severity == WARNING and not check.passed for check in results.checks) if results else 0,
    )


def _not_landed(settings: Settings, expected: Collection[date]) -> list[WeekState]:
    """Return the weeks without an extract: those between the weeks that are landed or have a folder, and those that are
    expected: their run is under way, or their digest is owed."""
    landed = {week.as_of for week in recorded(settings)}
    newest_ended = settings.newest_week_end(datetime.now(UTC)).date()
    found = set(finding.weeks(settings, min(landed, default=None), newest_ended))
    weeks = set(expected)
    if landed:
        weeks.update(week_ends(min(landed), max(landed | found)))
    return [
        WeekState(
            as_of=week,
            state="not loaded" if week in found else "missing",
            reason="extract found, not loaded yet" if week in found else "no extract found",
            next_command=_to_land(settings, week, week, week in found),
        )
        for week in sorted(weeks - landed)
    ]


def _to_land(settings: Settings, first: date, last: date, is_found: bool) -> str:
    """Return the next steps, with the command, for weeks that are not landed, from the first to the last."""
    backfill = commands.backfill(settings, first, last)
    if is_found or settings.source != "folders":
        return backfill
    if first == last:
        return f"put its extract into {settings.extracts / str(first)}, then {backfill}"
    return f"put the extracts of {first} to {last} into {settings.extracts}, then {backfill}"


def _in_ranges(settings: Settings, weeks: Sequence[ListedWeek]) -> list[ListedWeek]:
    """Return the weeks. Neighbours that need the same command share one, which the last of them has.

    weeks: oldest first.
    """
    shown: list[ListedWeek] = []
    first: ListedWeek | None = None
    for week in weeks:
        before = shown[-1] if shown else None
        if first and before and week.as_of - before.as_of == WEEK and _needs(settings, week) == _needs(settings, first):
            command = _to_land(settings, first.as_of, week.as_of, _needs(settings, first) == "run")
            shown[-1] = before.model_copy(update={"next_command": None})
            shown.append(week.model_copy(update={"next_command": command}))
        else:
            first = week if _needs(settings, week) else None
            shown.append(week)
    return shown


def _needs(settings: Settings, week: ListedWeek) -> str:
    """Return what a week needs: `run`, `extract` (its extract, then a run), or empty for anything else.

    Neighbours with the same need can share one command.
    """
    run = commands.backfill(settings, week.as_of, week.as_of)
    if week.next_command == run:
        return "run"
    return "extract" if week.next_command == _to_land(settings, week.as_of, week.as_of, is_found=False) else ""
