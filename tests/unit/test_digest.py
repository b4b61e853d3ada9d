"""What the digest of a week says, whatever the week."""

import csv
import json
import os
import re
from contextlib import nullcontext
from html import escape
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from greenery.figures.model import Summary
from greenery.messages import chart, correction, mail_message, page, slack_message, wording
from greenery.messages.digest_parts import Correction, Links
from greenery.report import writing

from tests.unit import printed, summaries
from tests.unit.digests import CORRECTION, DIGESTS, LINKS, build, held_week
from tests.unit.slack_limits import as_text

GOLDEN = Path(__file__).parent / "golden"
# Rewrites the texts to be compared with: look at the difference before committing it. Tests fail while it is set.
RIGHT_TO_LEFT = "\u05e9\u05dc\u05d5\u05dd"
REWRITE = os.environ.get("GREENERY_REWRITE_GOLDEN")


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    """Leave out drawing, which takes longer than all else; test_slack.py and test_mail.py have real pictures."""
    monkeypatch.setattr(chart, "to_svg", lambda spec: "<svg></svg>")


def copy_of(figures, **changes):
    """Return a summary with other values at paths such as `verdict__reading`."""
    other = figures.document()
    for path, value in changes.items():
        *parents, name = path.split("__")
        part = other
        for parent in parents:
            part = part[parent]
        part[name] = value
    return Summary.model_validate(other)


def built(figures, quality=summaries.PASSED, restatement=None, held_weeks=()):
    return build(figures, quality, restatement, LINKS, held_weeks)


def ordinary(text):
    return text.replace(wording.SPACE, " ").replace(wording.MINUS, "-")


class TestVerdict:
    def test_within_noise(self):
        assert ordinary(DIGESTS["normal"].verdict) == (
            "The change since the week before could be chance (p = 0.631, 95% interval -4.2 to +7.0 pp)."
        )

    def test_more_than_noise_is_still_no_certainty(self):
        figures = summaries.build(summaries.week(0, 578, 467, 361, 335), summaries.week(1, 560, 450, 242, 230))
        assert re.fullmatch(
            r"Chance alone would rarely produce such a change "
            r"\(p < 0\.001, 95% interval \+13\.\d to \+24\.\d pp\)\.",
            ordinary(built(figures).verdict),
        )

    @pytest.mark.parametrize(
        ("now", "before", "likely"),
        [
            ((5, 81), (19, 125), "p = 0.049, 95% interval -17.1 to +0.1 pp"),
            ((3, 141), (8, 105), "p = 0.059, 95% interval -12.3 to -0.1 pp"),
        ],
        ids=["the test alone", "the interval alone"],
    )
    def test_what_one_of_test_and_interval_says_alone_is_no_verdict(self, now, before, likely):
        weeks = [summaries.week(ago, of, of, reached, 0) for ago, (reached, of) in enumerate((now, before))]
        found = built(summaries.build(*weeks))
        assert ordinary(found.verdict) == (
            "The change since the week before is not called more than noise, because test and interval disagree "
            f"({likely})."
        )
        assert not found.funnel.rows[2].noteworthy

    def test_a_change_that_is_written_as_0_is_not_called_more_than_noise(self):
        found = built(
            summaries.build(
                summaries.week(0, 100_000_000, 90_000_000, 62_530_000, 0),
                summaries.week(1, 100_000_000, 90_000_000, 62_500_000, 0),
            )
        )
        assert found.headline.endswith("level with the week before.")
        assert found.verdict.startswith("The change since the week before is too small to show at one decimal (p")
        assert not found.funnel.rows[2].noteworthy

    @pytest.mark.parametrize(
        ("number", "text"),
        [(0.0498, "p < 0.05"), (0.0494, "p = 0.049"), (0.0502, "p = 0.050"), (0.05, "p = 0.050"), (0.0, "p < 0.001")],
    )
    def test_a_p_value_is_not_written_as_the_level_that_it_is_under(self, number, text):
        assert ordinary(wording.p_value_text(number)) == text

    @pytest.mark.parametrize(
        ("interval", "text"),
        [
            ([-2.04, 4.81], "-2.0 to +4.8 pp"),
            ([0.02, 4.81], "just above 0 to +4.8 pp"),
            ([-3.3, -0.04], "-3.3 to just below 0 pp"),
            ([-3.3, 0.0], "-3.3 to 0.0 pp"),
            ([-0.02, 0.04], "less than 0.05 pp either way"),
            ([0.02, 0.04], "less than 0.05 pp either way"),
        ],
    )
    def test_an_interval_shows_on_which_side_of_0_its_bounds_are(self, interval, text):
        assert ordinary(wording.points_between(interval)) == text

    def test_too_few_sessions_give_no_verdict_and_no_direction(self):
        figures = summaries.build(summaries.week(0, 29, 20, 19, 10), summaries.week(1, 560, 450, 42, 30))
        found = built(figures)
        assert found.headline == (
            "65.5% of sessions checked out (19 of 29), too few sessions to compare with the week before."
        )
        assert found.verdict == "Under 30 sessions in at least one of the two weeks, so no verdict is given."
        assert (found.funnel.compared, found.funnel.recent, found.recent) == (False, False, "")
        assert {(row.change, row.recent_change) for row in found.funnel.rows} == {(wording.NOTHING, wording.NOTHING)}

    def test_too_few_sessions_give_no_direction_in_any_medium(self):
        figures = summaries.build(
            summaries.week(0, 29, 20, 19, 10, 10, waiting=9), *[summaries.week(ago, 560, 450, 42, 30) for ago in (1, 2)]
        )
        found = built(figures)
        texts = (
            as_text(slack_message.render(found)),
            mail_message.render(found).text,
            _words(mail_message.render(found).html),
            _words(page.render(figures, summaries.PASSED, {})),
        )
        for text in texts:
            assert not re.search(r"[+\u2212][\d.]+\spp", text)

    @pytest.mark.parametrize("week", ["first", "empty", "zero"])
    def test_nothing_to_compare_with(self, week):
        assert DIGESTS[week].verdict == ""
        assert DIGESTS[week].movers is None


class TestFourWeeks:
    """Whether it is getting better: the last four weeks against the four before."""

    UP = summaries.build(
        summaries.week(0, 700, 540, 322, 320),
        summaries.week(1, 700, 540, 308, 305),
        summaries.week(2, 700, 540, 315, 312),
        *[summaries.week(ago, 700, 540, 266, 264) for ago in range(3, 12)],
    )

    def test_a_slow_rise_is_named_though_the_week_alone_is_within_chance(self):
        found = built(self.UP)
        assert ordinary(found.headline) == (
            "46.0% of sessions checked out (322 of 700), up 2.0 pp on the week before; the last four "
            "weeks are up 5.2 pp on the four before."
        )
        assert found.verdict.startswith("The change since the week before could be chance (")
        assert ordinary(found.recent) == (
            "Over the last four weeks 43.2% checked out, against 38.0% in the four weeks before (+5.2 pp). Chance "
            "alone would rarely produce such a change (p < 0.001, 95% interval +2.7 to +7.8 pp). The eight weeks "
            "differ most before and after the start of the week to 18 Jan 2023 (p < 0.001, corrected for trying 7 "
            "places), so it probably began then."
        )

    @pytest.mark.parametrize("medium", ["slack", "fallback", "mail", "html", "page"])
    def test_every_medium_has_both_verdicts(self, medium):
        found = built(self.UP)
        text = {
            "slack": lambda: as_text(slack_message.render(found)),
            "fallback": lambda: slack_message.render(found).text.replace("&lt;", "<"),
            "mail": lambda: mail_message.render(found).text,
            "html": lambda: _words(mail_message.render(found).html).replace("&lt;", "<"),
            "page": lambda: _words(page.render(self.UP, summaries.PASSED, {})).replace("&lt;", "<"),
        }[medium]()
        assert found.verdict in text
        assert found.recent in text
        assert medium == "fallback" or "since the week to 18 Jan" in text

    def test_level_is_within_chance_and_has_no_week(self):
        recent = ordinary(DIGESTS["provisional"].recent)
        assert "This change could be chance" in recent
        assert "began" not in recent
        assert "four weeks" not in DIGESTS["provisional"].headline

    def test_a_step_that_turned_the_other_way_names_no_week(self):
        # Four weeks are up, and within them the last turned down so far that it stands out most.
        since = {"start": self.UP.week.start, "end": self.UP.week.end, "change_pp": -20.0}
        since |= {"p_adjusted": 0.0, "compared": 7, "significant": True}
        figures = copy_of(self.UP, four_weeks__steps__checkout__since=since)
        assert wording.since(figures.four_weeks.steps.checkout) == ""
        assert "began" not in wording.recent(figures)


class TestFunnel:
    def test_each_step_with_its_changes(self):
        rows = DIGESTS["normal"].funnel.rows
        assert [(row.name, row.sessions, row.share, row.step_share, row.step_before) for row in rows] == [
            ("Page view", "578", "100.0%", "100.0%", ""),
            ("Add to cart", "467", "80.8%", "80.8%", "page view"),
            ("Checkout", "361", "62.5%", "77.3%", "add to cart"),
            ("Shipped", "335", "58.0%", "92.8%", "checkout"),
        ]
        assert [(ordinary(row.change), ordinary(row.recent_change)) for row in rows] == [
            ("0.0 pp", "0.0 pp"),
            ("+0.4 pp", "+1.5 pp"),
            ("+1.4 pp", "+1.1 pp"),
            ("-1.0 pp", "+1.1 pp"),
        ]

    def test_without_the_four_weeks_before_nothing_is_said_of_four_weeks(self):
        figures = summaries.build(summaries.week(0, 578, 467, 361, 335), summaries.week(1, 560, 450, 342, 330))
        found = built(figures)
        assert (found.funnel.recent, found.recent) == (False, "")
        assert {row.recent_change for row in found.funnel.rows} == {wording.NOTHING}

    def test_steps_that_moved_more_than_noise_are_marked(self):
        figures = copy_of(summaries.NORMAL, change__steps__checkout__reading="more_than_noise")
        assert [row.noteworthy for row in built(figures).funnel.rows] == [False, False, True, False]

    def test_drop_off_and_slowest_step_are_named(self):
        funnel = DIGESTS["normal"].funnel
        assert ordinary(funnel.drop_off) == (
            "The largest drop-off is between page view and add to cart: 111 sessions, 19.2 pp."
        )
        assert ordinary(funnel.slowest) == (
            "The slowest step is from checkout to shipped: half of the 330 sessions that took both steps needed "
            "2.3 days or less."
        )

    def test_too_few_sessions_have_no_slowest_step(self):
        figures = summaries.build(summaries.week(0, 578, 467, 361, 335), pace=summaries.pace(checkout=(60, 29)))
        assert built(figures).funnel.slowest == ""

    def test_an_empty_week_shows_all_time_without_changes(self):
        funnel = DIGESTS["empty"].funnel
        assert funnel.title == "Funnel of all sessions so far"
        assert [row.share for row in funnel.rows] == ["100.0%", "80.8%", "62.5%", "58.0%"]
        assert not funnel.compared
        assert {row.change for row in funnel.rows} == {wording.NOTHING}

    def test_an_empty_week_says_that_earlier_ones_are_provisional(self):
        found = built(summaries.build(summaries.week(1, 100, 90, 85, 3, waiting=82)))
        assert found.funnel.drop_off.startswith(
            "The largest drop-off is between page view and add to cart: 10 sessions"
        )
        assert found.funnel.drop_off.endswith("Shipped is left out until all weeks are complete.")
        assert [row.mark for row in found.funnel.rows] == ["", "", "", "*"]
        assert found.funnel.notes == ("* Not final: packages are still going out.",)
        assert found.footer[1] == "Shipped is provisional until 22 Feb 2023 at the latest."
        assert "so far, provisional" in found.picture_text
        assert found.maturity == ""

    def test_no_session_ever(self):
        assert DIGESTS["zero"].funnel is None
        assert DIGESTS["zero"].picture is None


class TestMaturity:
    def test_provisional_step_is_compared_at_equal_age_with_the_newest_complete_week_beside_it(self):
        found = DIGESTS["provisional"]
        assert ordinary(found.maturity) == (
            "Shipping isn’t finished. By the end of the week, 13.8% of its sessions had shipped, against 16.1% the "
            "week before (-2.2 pp). The newest complete week, to 18 Jan 2023, has 58.2% shipped (320 of 550)."
        )
        shipped = found.funnel.rows[-1]
        assert (shipped.mark, shipped.change_mark, shipped.recent_mark) == ("*", "*", "*")
        assert found.funnel.notes == (
            (
                "* Not final: packages are still going out. "
                "Its changes count only what had shipped by the end of each week."
            ),
        )
        assert "Shipped is provisional until 1 Mar 2023 at the latest." in found.footer

    def test_four_weeks_of_which_one_is_provisional_have_a_mark_and_its_note_in_every_medium(self):
        # Week and week before are complete; the one before them still waits for a package.
        weeks = [summaries.week(ago, 100, 80, 60, 50, 40, waiting=ago == 2) for ago in range(8)]
        found = built(summaries.build(*weeks))
        shipped = found.funnel.rows[-1]
        assert (shipped.mark, shipped.change_mark, shipped.recent_mark) == ("", "", "*")
        note = "* Counts only what had shipped by the end of each week, because an earlier week is not final."
        assert found.funnel.notes == (note,)
        for text in (as_text(slack_message.render(found)), mail_message.render(found).text):
            assert f"0.0{wording.SPACE}pp vs. the week before; 0.0{wording.SPACE}pp* in four weeks" in text
            assert note in text
        assert note in mail_message.render(found).html

    def test_trend_has_no_figure_of_a_provisional_step_but_that_at_equal_age(self):
        newest, before, mature = DIGESTS["provisional"].trend[:3]
        assert (newest.shares[-1], newest.equal_age) == (wording.NOTHING, "13.8%")
        assert (before.shares[-1], before.equal_age) == (wording.NOTHING, "16.1%")
        assert (mature.shares[-1], mature.equal_age) == ("58.2%", "15.5%")

    def test_complete_weeks_need_no_equal_age(self):
        assert DIGESTS["normal"].maturity == ""
        assert {week.equal_age for week in DIGESTS["normal"].trend} == {""}


class TestMovers:
    def test_own_change_and_what_it_adds_are_told_apart_and_n_is_shown(self):
        (fern,) = DIGESTS["normal"].movers.rows
        assert fern.name == "Product Fern"
        assert (fern.conversion_before, fern.conversion, ordinary(fern.change)) == ("46.2%", "67.9%", "+21.7 pp")
        assert (ordinary(fern.contribution), fern.parts) == ("+5.1 pp", "")
        assert (fern.sessions_before, fern.sessions) == ("130", "140")
        assert DIGESTS["normal"].movers.lead == (
            "1 of 4 products, countries and states with 30 or more sessions in both weeks changed more than chance "
            "explains, when 4 are compared."
        )

    def test_of_one_group_that_did_not_move(self):
        movers = DIGESTS["provisional"].movers
        assert movers.rows == ()
        assert movers.lead == (
            "One product, country or state has 30 or more sessions in both weeks. It did not change more than chance "
            "explains."
        )

    def test_a_group_that_grew_is_listed_with_what_its_conversion_and_its_share_add(self):
        # The mix adds all of a change that is far from noise; the conversions are as they were.
        shifted = summaries.build(
            summaries.week(0, 10_000, 8000, 6400, 6400),
            summaries.week(1, 10_000, 8000, 4800, 4800),
            movers=[
                summaries.mover("state", "Texas", (1600, 2000), (4800, 6000)),
                summaries.mover("state", "Utah", (3200, 8000), (1600, 4000)),
                summaries.mover("country", "Chile", (4800, 10_000), (4800, 10_000)),
            ],
        )
        texas, utah = built(shifted).movers.rows
        assert [ordinary(row.contribution) for row in (texas, utah)] == ["+9.6 pp", "+6.4 pp"]
        assert ordinary(texas.change) == "0.0 pp"
        assert ordinary(texas.parts) == (
            "0.0 pp by its own conversion (rate), +9.6 pp by its share of the sessions (mix), 20.0% → 60.0%"
        )
        assert built(shifted).movers.lead.endswith("when 3 are compared. Groups overlap, so don’t add them up.")

    def test_only_what_moved_by_more_than_chance_is_listed_however_much_the_others_add(self):
        large = [summaries.mover("product", f"Fern {n}", (300, 500), (320 + n, 500)) for n in range(6)]
        figures = summaries.build(
            summaries.week(0, 10_000, 8000, 6200, 6200),
            summaries.week(1, 10_000, 8000, 6000, 6000),
            movers=[*large, summaries.mover("state", "Utah", (40, 60), (5, 60))],
        )
        movers = built(figures).movers
        assert [row.name for row in movers.rows] == ["State Utah"]
        assert movers.lead.startswith("1 of 7 products, countries and states")

    def test_one_line_says_that_none_of_so_many_moved(self):
        same = summaries.build(
            summaries.week(0, 100, 80, 62, 62),
            summaries.week(1, 100, 80, 62, 62),
            movers=[summaries.mover("country", name, (31, 50), (31, 50)) for name in ("Peru", "Chile")],
        )
        movers = built(same).movers
        assert movers.rows == ()
        assert movers.lead == (
            "None of the 2 products, countries and states with 30 or more sessions in both weeks changed more than "
            "chance explains, when 2 are compared."
        )

    def test_of_eight_that_moved_the_five_largest_are_listed_and_the_line_says_so(self):
        # Four changed their own conversion, four only their share: both kinds moved.
        figures = summaries.build(
            summaries.week(0, 10_000, 8000, 5000, 5000),
            summaries.week(1, 10_000, 8000, 4000, 4000),
            movers=[
                *[summaries.mover("product", f"Fern {n}", (100, 500), (250 + n, 500)) for n in range(4)],
                *[
                    summaries.mover("state", f"State {n}", (1200, 1500), (2400 + 8 * n, 3000 + 10 * n))
                    for n in range(4)
                ],
            ],
        )
        movers = built(figures).movers
        assert movers.lead.startswith("8 of 8 products, countries and states")
        assert "when 8 are compared. The five largest are listed." in movers.lead
        assert [row.name for row in movers.rows] == [
            *[f"State State {n}" for n in (3, 2, 1, 0)],
            "Product Fern 3",
        ]

    @pytest.mark.parametrize(
        "text",
        [
            lambda: as_text(slack_message.render(DIGESTS["normal"])),
            lambda: mail_message.render(DIGESTS["normal"]).text,
            lambda: _words(mail_message.render(DIGESTS["normal"]).html),
            lambda: _words(page.render(summaries.NORMAL, summaries.PASSED, {})),
        ],
        ids=["slack", "mail", "mail as html", "page"],
    )
    def test_every_medium_says_whose_change_it_is_and_what_it_adds(self, text):
        words = ordinary(text())
        assert re.search(r"Product Fern.{0,40}", words, re.DOTALL)
        assert re.search("46.2% → 67.9%", words)
        assert re.search(r"\+21.7 pp", words)
        assert re.search(r"adds \+5.1 pp to the total|Adds to the total", words)
        assert "France" not in words

    def test_nothing_had_enough_sessions(self):
        figures = copy_of(summaries.NORMAL, movers={"step": "checkout", "compared": 0, "moved": 0, "movers": []})
        assert built(figures).movers.lead == (
            "No product, country or state has 30 sessions in both weeks, so none is compared."
        )


class TestOrders:
    def test_groups_are_the_rarest_status_changes_first_then_removed_and_returned(self):
        orders = DIGESTS["normal"].orders
        assert [(group.name, group.orders, len(group.ids), group.more) for group in orders.groups] == [
            ("preparing → shipped", "2 orders", 2, ""),
            ("shipped → delivered", "14 orders", 8, "More in order_changes.csv"),
            ("Removed", "1 order", 1, ""),
            ("Returned", "1 order", 1, ""),
        ]
        assert orders.groups[2].ids == ("order-4",)

    def test_new_orders_are_counted_and_not_called_changed(self):
        assert DIGESTS["normal"].orders.lead == "18 orders changed since the extract of 25 Jan 2023. 1 order is new."

    def test_other_columns_come_last_and_without_ids(self):
        changes = [
            summaries.change("order-1", "details_changed", "shipped", "shipped", "tracking_id"),
            *summaries.CHANGES,
        ]
        group = built(summaries.build(summaries.week(0, 578, 467, 361, 335), changes=changes)).orders.groups[-1]
        assert (group.name, group.orders, group.ids) == ("Details changed", "1 order", ())

    def test_stuck_orders_with_their_peers(self):
        orders = DIGESTS["normal"].orders
        assert orders.stuck_lead == (
            "2 orders are stuck: in their status for longer than 95% of the orders that left it."
        )
        assert [ordinary(peers) for peers in orders.stuck_peers] == [
            "95% of the 120 orders that left 'preparing' did so within 7 days"
        ]
        assert [(order.order_id, ordinary(order.days)) for order in orders.stuck] == [
            ("order-30", "12 days"),
            ("order-31", "10 days"),
        ]

    def test_all_are_in_the_file(self):
        lines = DIGESTS["huge"].orders.csv.decode().splitlines()
        assert lines[0] == "order_id,change,status_from,status_to,changed_columns,order_total,products"
        assert len(lines) == 1501
        assert len(DIGESTS["huge"].orders.groups[0].ids) == 10

    def test_the_file_to_send_and_the_file_of_the_report_hold_no_formula(self, home, monkeypatch):
        hostile = ("=1+1", "+1", "-1", "@a", "\t=1", "a=1")
        changes = [summaries.change(name, status_from=name, status_to=None) for name in hostile]
        figures = summaries.build(summaries.week(0, 578, 467, 361, 335), changes=changes)
        rows = list(csv.DictReader(built(figures).orders.csv.decode().splitlines()))
        assert {row["order_id"] for row in rows} == {f"'{name}" for name in hostile[:-1]} | {"a=1"}
        assert {row["status_to"] for row in rows} == {""}
        # People open the report's own file by a click in its page.
        monkeypatch.setattr(writing, "open_published", nullcontext)
        monkeypatch.setattr(writing, "figures", lambda *_: figures)
        monkeypatch.setattr(chart, "to_png", lambda *_: b"")
        folder = writing.write(home, summaries.AS_OF)
        assert (folder / "order_changes.csv").read_bytes() == built(figures).orders.csv


class TestNotices:
    def test_first_extract(self):
        assert DIGESTS["first"].notices == ("This is the first extract, so orders can’t be compared yet.",)
        assert DIGESTS["first"].footer[0] == "As of 1 Feb 2023, 00:00 UTC; previous extract: none."

    def test_after_a_gap_and_held_weeks(self):
        gap, held = DIGESTS["gap"].notices
        assert gap == (
            "After a gap: the previous extract is of 11 Jan 2023, 3 weeks earlier. Order changes are since then."
        )
        assert held == (
            "The extract of 18 Jan 2023 is held and not used (sessions_unique: found twice). Its events count if a "
            "later extract contains them."
        )
        assert DIGESTS["gap"].orders.lead == "3 orders changed since the extract of 11 Jan 2023. 1 order is new."

    def test_events_without_session_are_told_of_in_every_medium(self):
        figures = copy_of(summaries.NORMAL, events_without_session=1234)
        notice = "Events of the week that have no session: 1,234. No other figure counts them."
        found = built(figures)
        assert found.notices == (notice,)
        mail = mail_message.render(found)
        for text in (
            as_text(slack_message.render(found)),
            mail.text,
            mail.html,
            page.render(figures, summaries.PASSED, {}),
        ):
            assert notice in text

    def test_many_held_weeks(self):
        assert len(DIGESTS["hostile"].notices) == 6
        assert DIGESTS["hostile"].notices[-1] == "More extracts are held: see the list of weeks."

    def test_restated(self):
        found = DIGESTS["restated"]
        assert found.restated.notice == "Restated: these figures differ from the ones reported before."
        assert found.footer[-2:] == ("Restated.", "The report explains the terms.")
        assert ("This week: sessions", "570", "578") in found.restated.figures
        assert ("This week: share checked out", "61.4%", "62.5%") in found.restated.figures

    def test_a_normal_week_has_none(self):
        assert DIGESTS["normal"].notices == ()
        assert DIGESTS["normal"].footer[-2] == "Not restated."


FAILED = "Warning: 0.4 times (sessions_near_history). Rule: The meaning of sessions_near_history."
SILENCED = (
    "Warning: 0 rows (unknown_states). Rule: The meaning of unknown_states. "
    "Silenced until 20 Feb 2023 by ana: the shop is moving."
)


WITH_INFOS = summaries.quality(
    summaries.check("orders_unique"),
    summaries.check("late_events", False, "info"),
    summaries.check("parcels_back", severity="info"),
)


class TestDefinitions:
    """Only the terms that the report uses, on its page only."""

    @pytest.mark.parametrize(
        ("week", "terms"),
        [
            ("zero", {"Session"}),
            ("gap", {"Session", "Step reached", "Conversion", "Step conversion", "Drop-off", "New", "Status changed"}),
            ("provisional", {"More than noise", "Moved", "Four weeks", "Provisional", "At equal age"}),
        ],
    )
    def test_are_those_of_the_week(self, week, terms):
        used = {term for term, _ in DIGESTS[week].definitions}
        assert terms <= used
        unused = {"zero": {"Conversion", "New"}, "gap": {"More than noise", "Provisional", "Stuck"}}
        assert not used & unused.get(week, {"Stuck", "Returned"})

    def test_stand_on_the_page_and_in_no_message(self):
        found = DIGESTS["provisional"]
        meaning = "It is final 28 days after"
        assert _words(page.render(summaries.PROVISIONAL, summaries.PASSED, {})).count(meaning) == 1
        for text in (
            as_text(slack_message.render(found)),
            mail_message.render(found).text,
            mail_message.render(found).html,
        ):
            assert meaning not in text
            assert "The report explains the terms." in text


class TestBadge:
    @pytest.mark.parametrize(
        ("quality", "label", "lines"),
        [
            (summaries.PASSED, "Data quality: 2 of 2 checks passed", ()),
            (None, "Data quality: no check has been made", ()),
            (
                summaries.WARNED,
                "Data quality: 1 of 3 checks passed",
                (
                    FAILED,
                    SILENCED,
                    "1 note from landing: see the report",
                ),
            ),
            (
                summaries.ACCEPTED,
                "Data quality: 1 of 2 checks passed",
                ("Accepted though sessions_near_history failed. Reason: a sale began on Monday",),
            ),
            (
                summaries.quality(*[summaries.check(f"c{number}", False, "warning") for number in range(9)]),
                "Data quality: 0 of 9 checks passed",
                (
                    *[f"Warning: 0 rows (c{n}). Rule: The meaning of c{n}." for n in range(6)],
                    "More failed: see the report",
                ),
            ),
            (WITH_INFOS, "Data quality: 1 of 1 check passed", ()),
        ],
        ids=["passed", "none", "warnings", "accepted", "many", "infos"],
    )
    def test_says_what_failed_and_why_it_is_sent_all_the_same(self, quality, label, lines):
        badge = built(summaries.NORMAL, quality).badge
        assert (badge.label, badge.lines) == (label, lines)

    def test_what_was_observed_and_who_was_accepted_is_cut(self):
        seen = summaries.check("c", False, "warning", observed="9" * 1000)
        assert len(built(summaries.NORMAL, summaries.quality(seen)).badge.lines[0]) < 200
        names = [f"a{number}" for number in range(12)]
        accepted = summaries.quality(
            *[summaries.check(name, False) for name in names], accepted={"reason": "a sale", "checks": names}
        )
        assert built(summaries.NORMAL, accepted).badge.lines == (
            "Accepted though a0, a1, a2, a3, a4, a5, and more failed. Reason: a sale",
        )

    def test_the_page_counts_the_same_checks(self):
        assert "1 of 1 check passed." in page.render(summaries.NORMAL, WITH_INFOS, {})


class TestContentHash:
    def test_is_of_the_figures_and_the_verdict(self):
        hashes = {
            built(summaries.NORMAL).content_hash,
            built(summaries.FIRST).content_hash,
            built(summaries.NORMAL, summaries.WARNED).content_hash,
            built(summaries.NORMAL, summaries.ACCEPTED).content_hash,
        }
        assert len(hashes) == 4

    def test_is_not_of_infos(self):
        without = summaries.quality(summaries.check("orders_unique"))
        assert built(summaries.NORMAL, WITH_INFOS).content_hash == built(summaries.NORMAL, without).content_hash

    def test_is_not_of_links_observed_values_or_what_was_before(self):
        again = summaries.quality(
            summaries.check("orders_unique", observed="seen"), summaries.check("sessions_unique", rows=9)
        )
        assert {
            built(summaries.NORMAL).content_hash,
            build(summaries.NORMAL, again, summaries.RESTATEMENT, Links()).content_hash,
            built(summaries.NORMAL, held_weeks=[held_week("2023-01-18")]).content_hash,
        } == {DIGESTS["normal"].content_hash}


class TestPlain:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("Fern", "Fern"),
            ("a\r\nb\tc\x00d\u2028e", "a b c d e"),
            ("x" * 300, "x" * 59 + "…"),
            ("x" * 60, "x" * 60),
            ("", wording.NOTHING),
            ("\u202egnp.exe", "gnp.exe"),
            (RIGHT_TO_LEFT, f"\u2068{RIGHT_TO_LEFT}\u2069"),
            ("x" * 58 + "e\u0301\u0301zz", "x" * 58 + "…"),
            ("x" * 57 + "👩\u200d🌾zz", "x" * 57 + "…"),
        ],
    )
    def test_a_name_is_one_line_that_turns_nothing_around(self, text, expected):
        assert wording.plain(text) == expected

    def test_a_long_name_from_right_to_left_is_closed_again(self):
        cut = wording.plain(RIGHT_TO_LEFT * 100)
        assert (cut[0], cut[-2:], len(cut)) == ("\u2068", "…\u2069", 62)


class TestCorrection:
    """What changed since what was sent, which need not be the report before."""

    def test_figures_that_differ(self):
        assert CORRECTION.says == "These figures differ from the ones sent before."
        assert ("This week: sessions", "570", "578") in CORRECTION.restated.figures
        assert "restatement.json" not in CORRECTION.restated.in_all

    def test_only_the_checks_of_a_week_that_was_restated_before(self):
        sent = DIGESTS["restated"]
        found = correction.correction_of(build(summaries.NORMAL, None, summaries.RESTATEMENT, LINKS), sent.content)
        assert found == Correction(
            says="The figures are unchanged. Data quality: no check has been made; before: 2 of 2 checks passed.",
            restated=None,
        )

    def test_checks_that_fail_and_that_do_not_any_more(self):
        warned, normal = DIGESTS["warned"], DIGESTS["normal"]
        assert "New: Warning: sessions_near_history failed." in correction.correction_of(warned, normal.content).says
        assert (
            "No longer: Warning: sessions_near_history failed." in correction.correction_of(normal, warned.content).says
        )

    def test_what_was_observed_is_no_difference(self):
        check = summaries.check("volume", False, "warning")
        one, other = (
            built(summaries.NORMAL, summaries.quality({**check, "observed": text})) for text in ("3 rows", "4 rows")
        )
        assert (
            correction.correction_of(other, one.content).says
            == "The figures are unchanged. The checks are unchanged too."
        )

    def test_nothing_at_all(self):
        found = correction.correction_of(DIGESTS["normal"], DIGESTS["normal"].content)
        assert found.says == "The figures are unchanged. The checks are unchanged too."

    def test_what_was_sent_is_not_known_any_more(self):
        found = correction.correction_of(DIGESTS["restated"], None)
        assert (found.says, found.restated) == (
            "The earlier content is no longer known, so the changes are not listed.",
            None,
        )


def test_when_weeks_mature_is_news_only_where_a_step_is_provisional():
    for week, figures in (("normal", summaries.NORMAL), ("provisional", summaries.PROVISIONAL)):
        other = build(copy_of(figures, provisional__maturity_days=35), summaries.PASSED, None, Links())
        same = build(figures, summaries.PASSED, None, Links())
        assert correction.says_the_same(other, same.content) is (week == "normal")


class TestFunnelPage:
    """The digest and each mover in it lead to the funnel page, if its address is known."""

    FUNNEL = "https://airflow.example/greenery/funnel/?as_of=2023-02-01&period=1w"

    @pytest.mark.parametrize("week", ["normal", "hostile", "huge"])
    def test_a_mover_is_a_filter_of_its_week(self, week):
        digest, movers = DIGESTS[week], wording.shown_movers(DIGESTS[week].summary)
        addresses = [row.link for row in digest.movers.rows]
        assert [dict(parse_qsl(urlsplit(address).query, strict_parsing=True)) for address in addresses] == [
            {"as_of": "2023-02-01", "period": "1w", mover.dimension: mover.value} for mover in movers
        ]
        assert addresses, "nothing moved"
        slack = json.dumps(slack_message.render(digest).blocks)
        mail = mail_message.render(digest)
        report = page.render(digest.summary, None, {}, funnel=self.FUNNEL)
        for address in [self.FUNNEL, *addresses]:
            assert f'"url": {json.dumps(address)}' in slack
            assert address in [line.strip().removeprefix("Funnel: ") for line in mail.text.splitlines()]
            for html in (mail.html, report):
                assert f'href="{escape(address)}"' in html

    def test_no_address_no_link(self):
        digest = build(summaries.HOSTILE, None, None, Links())
        assert {row.link for row in digest.movers.rows} == {""}
        assert "/greenery/funnel/" not in mail_message.render(digest).html + page.render(summaries.HOSTILE, None, {})


RENDERED = {
    "slack": lambda found: as_text(slack_message.render(found)),
    "mail": lambda found: f"Subject: {mail_message.render(found).subject}\n\n{mail_message.render(found).text}",
}


@pytest.mark.parametrize("medium", RENDERED)
@pytest.mark.parametrize("week", DIGESTS)
def test_golden(week, medium):
    _compare(GOLDEN / f"{week}.{medium}.txt", RENDERED[medium](DIGESTS[week]))


def test_golden_correction():
    message = mail_message.render(DIGESTS["restated"], CORRECTION)
    _compare(GOLDEN / "correction.mail.txt", f"Subject: {message.subject}\n\n{message.text}")


@pytest.mark.parametrize("week", ["first", "zero"])
def test_golden_blocks(week):
    blocks = json.dumps(slack_message.render(DIGESTS[week]).blocks, indent=1, ensure_ascii=False)
    _compare(GOLDEN / f"{week}.slack.json", f"{blocks}\n")


def _compare(file, text):
    if REWRITE:
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        pytest.fail(f"{file.name} is rewritten: look at the difference, then run again without GREENERY_REWRITE_GOLDEN")
    assert text == file.read_text(encoding="utf-8")


WITH_FILES = {
    "normal": (summaries.NORMAL, summaries.PASSED, None),
    "warned": (summaries.NORMAL, summaries.WARNED, None),
    "first": (summaries.FIRST, summaries.PASSED, None),
    "empty": (summaries.EMPTY, summaries.WARNED, None),
    "gap": (summaries.GAP, summaries.PASSED, None),
    "restated": (summaries.NORMAL, summaries.PASSED, summaries.RESTATEMENT),
    "provisional": (summaries.PROVISIONAL, summaries.ACCEPTED, None),
    "zero": (summaries.ZERO, None, None),
    "infos": (summaries.NORMAL, WITH_INFOS, None),
    "huge": (summaries.HUGE, summaries.PASSED, None),
    "upside down": (summaries.UPSIDE_DOWN, summaries.PASSED, None),
}


@pytest.mark.parametrize("week", WITH_FILES)
def test_every_figure_is_in_the_files(week):
    figures, quality, restatement = WITH_FILES[week]
    found = build(figures, quality, restatement, LINKS)
    known = printed.known(*(found.document() for found in (figures, quality, restatement) if found))
    before = (
        {"summary": summaries.NORMAL_BEFORE.document(), "badge": found.content["badge"]}
        if restatement
        else found.content
    )
    corrected = mail_message.render(found, correction.correction_of(found, before))
    texts = {
        "slack": as_text(slack_message.render(found)),
        "mail": mail_message.render(found).text,
        "correction": corrected.text + corrected.subject,
        "mail as html": _words(corrected.html),
        "page": _words(page.render(figures, quality, {}, restatement)),
    }
    for medium, text in texts.items():
        assert week == "zero" or len(printed.figures(text)) > 3, medium
        assert printed.figures(text) - known == set(), medium


def _words(html):
    """Return what is read of a page: no styles, no charts, whose numbers their label says."""
    without = re.sub(r"<(style|svg|title)[ >].*?</\1>|<!--.*?-->", " ", html, flags=re.DOTALL)
    spoken = re.findall(r'(?:aria-label|alt)="([^"]*)"', without)
    words = re.sub(r"<[^>]*>", " ", without).replace("&#39;", "'").replace("&#34;", '"').replace("&shy;", "")
    return " ".join([words, *spoken])


def test_a_figure_that_is_in_no_file_would_be_found():
    known = printed.known(summaries.NORMAL.document())
    assert printed.figures("98.7% of 578 sessions, +1.4 pp, 1,234 since 1 Feb 2023") - known == {"98.7%", "1,234"}
