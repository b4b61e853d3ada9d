"""What an alert says, in each medium, and that nothing in it can break the medium or name a person."""

from __future__ import annotations

import json
from collections.abc import Iterator

from greenery.messages import alert_layout
from greenery.messages.alert import Alert, Run, TaskFailure, masked, of_failures

from tests.alerting import check_result, of_checks, quality

RUN = Run(
    week="2025-01-22",
    id="scheduled__2025-01-15T00:00:00+00:00",
    type="scheduled",
    url="https://airflow.example/dags/greenery_weekly/runs/r1",
    quality="https://reports.example/2025-01-22/quality.html",
    runbook="https://docs.example/runbook.md",
    rerun="make backfill FROM=2025-01-22 TO=2025-01-22 GREENERY_HOME=/srv/greenery",
)
HOSTILE = "*_~`</pre><script>alert(1)</script> & <!channel> \u202eevil\u202c 🌱 \"quotes\" 'single'" + "x" * 300


def the_alert(**changes) -> Alert:
    return of_checks(quality("2025-01-22", check_result(**changes)), [], RUN, "https://airflow.example/log?a=1&b=2")[0]


def texts_of(part) -> Iterator[str]:
    if isinstance(part, dict) and part.get("type") == "text":
        yield part["text"]
    for value in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from texts_of(value)


def test_an_alert_carries_all_that_on_call_needs():
    before = [
        quality("2025-01-15", check_result()),
        quality("2025-01-08", check_result()),
        quality("2025-01-01", check_result(passed=True)),
        quality("2024-12-25", check_result()),
    ]
    (alert,) = of_checks(quality("2025-01-22", check_result()), before, RUN, "https://airflow.example/log")
    assert alert.key == "greenery/2025-01-22/sessions_unique"
    for rendered in (
        json.dumps(alert_layout.to_slack(alert).blocks, ensure_ascii=False),
        alert_layout.to_mail(alert).text,
        alert_layout.to_mail(alert).html,
        json.dumps(alert_layout.to_pagerduty(alert), ensure_ascii=False),
    ):
        for part in (
            *("sessions_unique", "fct_sessions", "CRITICAL", "22 Jan 2025", "scheduled", "web-team"),
            *("27 of 430 rows fail", "each session_id once", "27 of 430 (6.3%)", "8 Jan 2025, 3 weeks in a row"),
            *("Every session is one row", "readers keep the last good state"),
            *("https://airflow.example/log", RUN.quality, "https://docs.example/runbook.md#sessions_unique"),
        ):
            assert part in rendered, (part, rendered)
        command = """make backfill FROM=2025-01-22 TO=2025-01-22 GREENERY_HOME=/srv/greenery PARAMS="""
        assert command in rendered.replace("&#39;", "'")
        assert all(f"s{number}" in rendered for number in range(5))
        assert "s5" not in rendered


def test_personal_data_is_masked_and_keys_are_kept():
    row = {
        "order_id": "o-555-12",
        "user_id": "3f2c1b9e-555-0100",
        "first_name": "Åsa",
        "address": "1 Fern Street",
        "zipcode": "02134",
        "page_url": "https://shop.example/?mail=asa@example.com",
        "created_at": "2025-01-20 10:00:00",
        "note": "call 555-555-0100 or +44 20 7946 0958",
        "order_total": "1,234.50",
    }
    assert masked(row) == {
        "order_id": "o-555-12",
        "user_id": "3f2c1b9e-555-0100",
        "first_name": "•••",
        "address": "•••",
        "zipcode": "•••",
        "page_url": "https://shop.example/?mail=•••",
        "created_at": "2025-01-20 10:00:00",
        "note": "call ••• or •••",
        "order_total": "1,234.50",
    }
    assert "asa@example.com" not in json.dumps(alert_layout.to_slack(the_alert()).blocks)
    assert the_alert(observed="1 of 3 rows fail: asa@example.com").observed == "1 of 3 rows fail: •••"


def test_nothing_is_told_of_what_passed_was_accepted_silenced_told_already_or_is_info():
    found = quality(
        "2025-01-22",
        check_result("a", passed=True),
        check_result("b", accepted=True),
        check_result("c", silenced={"reason": "known", "owner": "me", "until": "2025-02-01"}),
        check_result("d", severity="info"),
        check_result("e", severity="warning"),
        check_result("f"),
        check_result("g", severity="warning", told_by="f"),
    )
    assert [alert.check for alert in of_checks(found, [], RUN)] == ["f", "e"]


def test_a_warning_holds_nothing():
    (alert,) = of_checks(quality("2025-01-22", check_result(severity="warning"), verdict="passed"), [], RUN)
    assert alert.severity == "warning"
    assert alert.held_back.startswith("nothing: the week is published")


def test_the_task_that_failed_first_is_told_of_and_names_the_others():
    failures = [
        TaskFailure(task="dbt.fct_sessions_run", reason="OSError: disk full", at="2025-01-22T00:03:00"),
        TaskFailure(
            task="land",
            reason="IOException: no such file",
            log="https://airflow.example/land",
            at="2025-01-22T00:01:00",
        ),
    ]
    (alert,) = of_failures(failures, RUN, published=False)
    assert (alert.key, alert.severity) == ("greenery/2025-01-22/task/land", "critical")
    assert alert.observed == "IOException: no such file (also failed: dbt.fct_sessions_run)"
    assert alert.links["Log"] == "https://airflow.example/land"
    assert of_failures([], RUN, published=True) == []


def test_a_refused_delivery_wakes_nobody_and_a_killed_process_says_so():
    (alert,) = of_failures([TaskFailure(task="deliver_slack", reason="PermanentError: no")], RUN, published=True)
    assert alert.severity == "warning"
    assert alert.held_back == "the digest in slack; data and report are published"
    (alert,) = of_failures([TaskFailure(task="publish")], RUN, published=False)
    assert alert.severity == "critical"
    assert "killed" in alert.observed


def test_a_refused_held_notice_wakes_nobody_again():
    (alert,) = of_failures([TaskFailure(task="held_notice", reason="PermanentError: no")], RUN, published=False)
    assert alert.severity == "warning"
    assert alert.held_back == "the notice that this week is held, and its digest"


def test_a_warning_of_a_run_that_failed_later_does_not_say_that_the_week_is_published():
    found = quality("2025-01-22", check_result(severity="warning"), verdict="passed")
    (alert,) = of_checks(found, [], RUN, published=False)
    assert alert.held_back == "nothing because of this check: the run failed before it published the week"


def test_what_to_look_at_and_what_to_do_are_two_sentences():
    anomaly = check_result("prices_in_scale")
    (alert,) = of_checks(quality("2025-01-22", anomaly), [], RUN)
    assert alert.fix.startswith(
        "Look at whether products.csv is in cents. Export again and run the week with reextract."
    )
    corrected, accepted = alert.command.splitlines()[1::2]
    assert corrected.endswith("""PARAMS='{"reextract": true}'""")
    assert accepted.endswith("""PARAMS='{"accept": "<why>"}'""")
    assert alert.command.splitlines()[::2] == ["# once it is corrected:", "# or, if the shop really did it:"]


def test_a_wrong_model_is_built_from_the_start():
    for name in ("sessions_unique", "unique_fct_sessions_session_id"):
        (alert,) = of_checks(quality("2025-01-22", check_result(name)), [], RUN)
        assert "Correct the model" in alert.fix
        assert alert.command.endswith("""PARAMS='{"full_refresh": true}'""")


def test_a_warning_of_a_held_week_says_which_check_holds_it():
    _, warning = of_checks(
        quality("2025-01-22", check_result(severity="warning"), check_result("orders_unique")), [], RUN
    )
    assert warning.held_back == "nothing because of this check: the week is held by orders_unique"


def test_a_check_names_those_that_it_covers():
    lost = check_result("unique_fct_sessions_session_id", observed="3 rows fail", told_by="sessions_unique")
    (alert,) = of_checks(quality("2025-01-22", check_result(), lost), [], RUN)
    assert alert.also == ("unique_fct_sessions_session_id (3 rows fail)",)
    for text in (
        json.dumps(alert_layout.to_slack(alert).blocks),
        alert_layout.to_mail(alert).text,
        alert_layout.to_mail(alert).html,
    ):
        assert "Also failed" in text
        assert "unique_fct_sessions_session_id (3 rows fail)" in text
    assert "Also failed" in alert_layout.to_pagerduty(alert)["payload"]["custom_details"]


def test_hostile_values_break_no_medium():
    alert = the_alert(
        observed=HOSTILE, expected=HOSTILE, meaning=HOSTILE, owner=HOSTILE, examples=[{"session_id": HOSTILE}] * 9
    )
    slack = alert_layout.to_slack(alert, note=HOSTILE)
    # Markup is read in these two alone.
    assert "<" not in slack.text + slack.thread_note
    assert {block["type"] for block in slack.blocks} == {"header", "rich_text"}
    texts = list(texts_of(slack.blocks))
    assert all(0 < len(text) <= 3000 for text in texts)
    assert len(slack.blocks[0]["text"]["text"]) <= 150
    assert sum(map(len, texts)) < 10_000
    mail = alert_layout.to_mail(alert)
    assert "<script" not in mail.html
    assert "\n" not in mail.subject
    assert len(alert_layout.to_pagerduty(alert)["payload"]["summary"]) <= 1024


def test_the_summary_of_a_page_keeps_to_its_limit():
    alert = the_alert().model_copy(update={"failing_rows": 0, "observed": "y" * 2000, "title": "z" * 500})
    assert len(alert_layout.to_pagerduty(alert)["payload"]["summary"]) == 1024


def test_a_link_that_is_no_address_is_shown_as_a_path():
    (alert,) = of_checks(
        quality("2025-01-22", check_result()), [], Run(week="2025-01-22", id="r", type="manual", quality="/srv/q.html")
    )
    assert alert_layout.to_pagerduty(alert)["links"] == []
    assert "/srv/q.html" in json.dumps(alert_layout.to_slack(alert).blocks)


def test_resolved_says_by_what_and_asks_for_nothing():
    slack = json.dumps(alert_layout.to_slack(the_alert(), resolved="the backfill run r2", note="n").blocks)
    mail = alert_layout.to_mail(the_alert(), resolved="the backfill run r2")
    for text in (slack, mail.text, mail.html):
        assert "RESOLVED" in text
        assert "the backfill run r2" in text
        assert "make backfill" not in text


def test_a_held_notice_says_what_since_when_and_who():
    found = quality(
        "2025-01-22",
        check_result(),
        check_result("orders_unique", owner="data-team", meaning="Every order is one row."),
    )
    notice = alert_layout.held_notice(of_checks(found, [quality("2025-01-15", check_result())], RUN))
    for text in (json.dumps(alert_layout.held_to_slack(notice).blocks), alert_layout.held_to_mail(notice).text):
        assert "the week to 22 Jan 2025 is held" in text
        assert "Every session is one row of fct_sessions. Observed: 27 of 430 rows fail." in text
        assert "15 Jan 2025, 2 weeks in a row" in text
        assert "data-team, web-team" in text
