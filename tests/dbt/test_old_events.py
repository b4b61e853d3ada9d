"""Events that are older than the extracts before them."""

from __future__ import annotations

import json
from datetime import datetime

from greenery.settings import Settings

from tests.conftest import EVENT, small_shop, write_extract
from tests.pipeline import run_week


def test_a_session_that_began_before_its_backdated_event_passes_all_checks(replays, home: Settings):
    tables = small_shop()
    folder = write_extract(home.extracts / "2023-01-11", tables)
    (folder / "_extract.json").write_text(json.dumps({"events_since": "2023-01-04T00:00:00Z"}), encoding="utf-8")
    # The window of the first extract hid this event, so it is not backdated, and its session starts with it.
    shipped = {"event_type": "package_shipped", "order_id": "o1", "product_id": ""}
    tables["events"].append({**EVENT, **shipped, "event_id": "e4", "created_at": "2022-12-04T23:00:00Z"})
    write_extract(home.extracts / "2023-01-18", tables)
    # This one is backdated: the extract before would have shown it.
    tables["events"].append({**EVENT, "event_id": "e5", "created_at": "2022-12-18T00:00:00Z"})
    write_extract(home.extracts / "2023-01-25", tables)
    for day in (11, 18, 25):
        run_week(home, datetime(2023, 1, day))
        quality = home.report_folder(datetime(2023, 1, day)) / "quality.json"
        assert json.loads(quality.read_text(encoding="utf-8"))["verdict"] == "passed"


def test_a_week_that_is_run_again_after_a_backdated_event_of_its_session_passes(replays, home: Settings):
    """The event is younger than the session's start, so it is not the earliest time that a step may have."""
    first, later, last = (datetime(2023, 1, 11), datetime(2023, 2, 22), datetime(2023, 3, 1))
    tables = small_shop()
    for as_of in (first, later):
        write_extract(home.extracts / f"{as_of:%Y-%m-%d}", tables)
    tables["events"].append({**EVENT, "event_id": "e5", "created_at": "2023-01-10T00:00:00Z"})
    write_extract(home.extracts / f"{last:%Y-%m-%d}", tables)
    for as_of in (first, later, last, first):
        run_week(home, as_of)
