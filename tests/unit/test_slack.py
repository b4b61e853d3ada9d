"""The Slack message of a digest: what Slack takes, and what it must not read as markup."""

import pytest
from greenery.messages import correction, slack_message, slack_page
from greenery.messages.digest_parts import Links
from hypothesis import given, seed
from hypothesis import strategies as st

from tests.unit import slack_limits, summaries
from tests.unit.digests import CORRECTION, DIGESTS, build, held_week


@pytest.mark.parametrize("week", DIGESTS)
def test_slack_takes_it(week):
    slack_limits.check(slack_message.render(DIGESTS[week]))


def test_order_of_what_is_read():
    text = slack_limits.as_text(slack_message.render(DIGESTS["restated"]))
    places = [
        text.index(part)
        for part in (
            "# Greenery weekly: week to 1 Feb 2023",
            "*62.5% of sessions checked out",
            "The change since the week before could be chance",
            "Over the last four weeks",
            "- Restated: these figures",
            "*Funnel*",
            "The largest drop-off",
            "The slowest step",
            "[Funnel, 578 sessions",
            "*What moved*",
            "*Orders*",
            "*Stuck orders*",
            "*Restated*",
            "(Data quality:",
            "(As of 1 Feb 2023",
            "Report <https://",
        )
    ]
    assert places == sorted(places)


class TestFiles:
    def test_picture_is_named_in_its_block_and_says_its_numbers(self):
        message = slack_message.render(DIGESTS["normal"])
        (picture,) = message.images
        (block,) = [block for block in message.blocks if block["type"] == "image"]
        assert block["slack_file"] == {"id": picture.name}
        assert "checkout 361 (62.5%)" in block["alt_text"]
        assert block["alt_text"] == picture.title

    def test_changed_orders_go_into_the_thread(self):
        (file,) = slack_message.render(DIGESTS["normal"]).thread_files
        assert (file.name, file.media_type) == ("order_changes.csv", "text/csv")
        assert file.content.startswith(
            b"order_id,change,status_from,status_to,changed_columns,order_total,products\norder-1,status_changed,"
        )
        # New orders come last.
        assert file.content.splitlines()[-1].startswith(b"order-3,new,")

    def test_nothing_to_draw_and_no_order_changed(self):
        message = slack_message.render(DIGESTS["zero"])
        assert message.images == ()
        assert message.thread_files == ()


def test_a_context_block_is_cut_at_slacks_limit():
    checks = [
        summaries.check(
            f"c{number}" * 30,
            False,
            "warning",
            meaning="m" * 300,
            observed="o" * 300,
            silenced={"reason": "r" * 300, "owner": "w" * 300, "until": "2023-02-20"},
        )
        for number in range(6)
    ]
    names = [f"a{number}" * 30 for number in range(12)]
    accepted = {"reason": "s" * 300, "checks": names}
    results = summaries.quality(*checks, *[summaries.check(name, False) for name in names], accepted=accepted)
    message = slack_message.render(build(summaries.NORMAL, results, None, Links()))
    slack_limits.check(message)
    texts = [block["elements"][0]["text"] for block in message.blocks if block["type"] == "context"]
    assert len(texts[0]) == slack_message.LONGEST_TEXT
    assert texts[0].endswith("…")


class TestThreadNote:
    def test_restated_figures_before_and_now(self):
        note = slack_message.render(DIGESTS["restated"], CORRECTION).thread_note
        assert note.startswith("Restated. These figures differ from the ones sent before.\n")
        assert "This week: share checked out 61.4% → 62.5%; This week: sessions 570 → 578;" in note
        slack_limits.check(slack_message.render(DIGESTS["restated"], CORRECTION))

    def test_the_same_figures_with_another_verdict(self):
        warned = DIGESTS["warned"]
        note = slack_message.render(warned, correction.correction_of(warned, DIGESTS["normal"].content)).thread_note
        assert note == (
            "Updated. The figures are unchanged. Data quality: 1 of 3 checks passed; before: 2 of 2 checks passed. "
            "New: Warning: sessions_near_history failed. It checks: The meaning of sessions_near_history. "
            "New: Warning: unknown_states failed. It checks: The meaning of unknown_states. "
            "(silenced until 20 Feb 2023 by ana: the shop is moving). "
            "New: 1 note from landing: see the report."
        )


class TestHostileText:
    """What stands in rich text and plain text elements is shown as it is; only two texts are read as markup."""

    MESSAGE = slack_message.render(
        DIGESTS["hostile"], correction.correction_of(DIGESTS["hostile"], DIGESTS["normal"].content)
    )

    def test_no_element_is_read_as_markup(self):
        def types(value):
            if isinstance(value, dict):
                yield value.get("type")
                for part in value.values():
                    yield from types(part)
            elif isinstance(value, list):
                for part in value:
                    yield from types(part)

        assert "mrkdwn" not in set(types(self.MESSAGE.blocks))
        assert not set(types(self.MESSAGE.blocks)) & {"broadcast", "user", "usergroup", "emoji", "channel"}

    def test_names_are_shown_as_they_are(self):
        text = slack_limits.as_text(self.MESSAGE)
        assert f"Product {summaries.MARKUP}" in text
        assert "Product *bold* _it_ ~gone~ `code` <!channel>" in text

    def test_fallback_and_note_call_nobody(self):
        for text in (self.MESSAGE.text, self.MESSAGE.thread_note):
            assert "<" not in text
            assert ">" not in text
        assert "&lt;!channel&gt;" in self.MESSAGE.thread_note

    def test_only_addresses_of_the_web_are_links(self):
        links = [
            element
            for block in self.MESSAGE.blocks
            if block["type"] == "rich_text"
            for part in block["elements"]
            for element in part["elements"]
            if element["type"] == "link"
        ]
        assert [link["text"] for link in links] == ["Funnel", "Run"]
        assert "Report: `/home/<user>/reports & more/index.html`" in slack_limits.as_text(self.MESSAGE)

    def test_page_escapes_what_it_shows(self):
        html = slack_page.render(self.MESSAGE)
        assert "<script" not in html
        assert "<!channel>" not in html
        assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#34;&#39;&gt;" in html


NAMES = st.text(min_size=0, max_size=400) | st.sampled_from(summaries.HOSTILE_NAMES)
COUNT = st.integers(0, 40) | st.integers(0, 10**12)


@st.composite
def weeks(draw):
    sessions = draw(COUNT)
    steps = [draw(st.integers(0, sessions)) for _ in range(3)]
    ago = draw(st.integers(0, 14))
    return summaries.week(ago, sessions, *steps, draw(st.integers(0, steps[-1])), waiting=draw(st.integers(0, 2)))


@st.composite
def changes(draw):
    kind = draw(st.sampled_from(("new", "status_changed", "details_changed", "removed", "returned")))
    status = st.none() | NAMES
    return summaries.change(draw(NAMES), kind, draw(status), draw(status))


@st.composite
def movers(draw, of_week, of_week_before):
    """A group is compared from 30 sessions on, and has no more than all."""
    sessions, before = (draw(st.integers(30, of_all)) for of_all in (of_week, of_week_before))
    return summaries.mover(
        draw(st.sampled_from(("product", "country", "state"))),
        draw(NAMES),
        (draw(st.integers(0, before)), before),
        (draw(st.integers(0, sessions)), sessions),
    )


@st.composite
def summaries_of_any_week(draw):
    by_age = {row["weeks_ago"]: row for row in draw(st.lists(weeks(), max_size=15))}
    of_both = [by_age.get(age, {"sessions": 0})["sessions"] for age in (0, 1)]
    stuck = draw(st.dictionaries(NAMES, st.lists(st.tuples(NAMES, st.floats(0, 10**4)), max_size=14), max_size=4))
    return summaries.build(
        *by_age.values(),
        changes=draw(st.lists(changes(), max_size=40)),
        previous_as_of=summaries.AS_OF - draw(st.integers(1, 60)) * summaries.WEEK if draw(st.booleans()) else None,
        pace=summaries.pace(**draw(st.dictionaries(st.sampled_from(tuple(summaries.PACE)), st.tuples(COUNT, COUNT)))),
        movers=draw(st.lists(movers(*of_both), max_size=8)) if min(of_both) >= 30 else [],
        stuck_orders=[row for status, orders in stuck.items() for row in summaries.stuck(status, *orders)],
    )


@st.composite
def quality_of_any_week(draw):
    checks = [
        summaries.check(
            draw(NAMES),
            draw(st.booleans()),
            draw(st.sampled_from(("critical", "warning", "info"))),
            meaning=draw(NAMES),
            silenced=draw(
                st.none() | st.fixed_dictionaries({"reason": NAMES, "owner": NAMES, "until": st.just("2023-02-20")})
            ),
        )
        for _ in range(draw(st.integers(0, 20)))
    ]
    failed = [check["check"] for check in checks if not check["passed"] and check["severity"] == "critical"]
    accepted = {"reason": draw(NAMES), "checks": failed} if failed else None
    return summaries.quality(*checks, accepted=accepted, landing_warnings=draw(st.lists(NAMES, max_size=3)))


@seed(20230201)
@given(
    figures=summaries_of_any_week(),
    quality=st.none() | quality_of_any_week(),
    held=st.lists(st.builds(held_week, st.just("2023-01-18"), st.none() | NAMES), max_size=8),
)
def test_any_week_is_within_slacks_limits(figures, quality, held):
    links = Links(run="https://airflow.example/" + "x" * 500, report="/" + "y" * 500)
    found = build(figures, quality, summaries.RESTATEMENT, links, held)
    slack_limits.check(slack_message.render(found))
