"""A silence names a check, says why and who, and ends within 30 days; one that has ended fails here."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from greenery.alerts import incidents
from greenery.messages.check_results import SilencedBy
from greenery.quality import silences
from greenery.quality.silences import SilenceError

GOOD = """
- check: sessions_unique
  reason: the tracker sends twice until release 41
  owner: web-team
  since: 2025-02-05
  until: 2025-02-26
"""


def test_the_silences_of_this_repository_stand():
    found = silences.load()
    assert silences.problems(found, incidents.known_checks(), datetime.now(UTC).date()) == []


def test_a_silence_covers_the_weeks_between_its_days(tmp_path):
    file = tmp_path / "silences.yml"
    file.write_text(GOOD)
    found = silences.load(file)
    said = SilencedBy(reason="the tracker sends twice until release 41", owner="web-team", until=date(2025, 2, 26))
    for day, expected in [(1, {}), (5, {"sessions_unique": said}), (26, {"sessions_unique": said}), (27, {})]:
        assert silences.by_check(date(2025, 2, day), found) == expected


def test_an_expired_and_a_dangling_silence_are_named(tmp_path):
    file = tmp_path / "silences.yml"
    file.write_text(GOOD)
    found = silences.load(file)
    assert silences.problems(found, {"sessions_unique"}, date(2025, 2, 26)) == []
    (ended,) = silences.problems(found, {"sessions_unique"}, date(2025, 2, 27))
    assert ended.startswith("the silence of sessions_unique ended on 2025-02-26 (the tracker sends twice until")
    assert silences.problems(found, {"other"}, date(2025, 2, 10)) == [
        "the silence of sessions_unique names no check: correct its name or delete it"
    ]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("2025-02-26", "2025-03-08", "is not between 0 and 30 days"),
        ("2025-02-26", "2025-02-04", "is not between 0 and 30 days"),
        ("2025-02-26", "soon", "until=soon is no day"),
        ("  owner: web-team\n", "", "does not have exactly check, reason, owner, since, until"),
        ("web-team", "''", "owner is empty"),
        ("- check", "- why: x\n  check", "does not have exactly"),
        (GOOD, "check: x", "is no list"),
    ],
)
def test_a_silence_that_can_not_stand_is_refused(tmp_path, old, new, says):
    file = tmp_path / "silences.yml"
    file.write_text(GOOD.replace(old, new))
    with pytest.raises(SilenceError, match=says):
        silences.load(file)
