"""What the digest of a week says, whatever the week."""

import csv
import json
import os
import re
from pathlib import Path

import pytest
from greenery.figures import order_changes
from greenery.figures.model import Summary
from greenery.messages import chart, correction, mail_message, page, slack_message, wording
from greenery.messages.digest_parts import Correction, Links

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
            "That is within what chance alone would do (p = 0.631, 95% interval -4.2 to +7.0 pp)."
        )

    def test_more_than_noise_is_still_no_certainty(self):
        figures = summaries.build(summaries.week(0, 578, 467, 361, 335), summaries.week(1, 560, 450, 242, 230))
        assert re.fullmatch(
            r"That is more than chance alone usually does \(p < 0\.001, 95% interval \+13\.\d to \+24\.\d pp\)\.",
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
            f"Test and interval disagree, so that counts as within what chance alone would do ({likely})."
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
        assert found.verdict.startswith("The change is too small to show at one decimal (p")
        assert not found.funnel.rows[2].noteworthy

    @pytest.mark.parametrize(
        ("number", "text"),
        [(0.0498, "p < 0.05"), (0.0494, "p = 0.049"), (0.0502, "p = 0.050"), (0.05, "p = 0.050"), (0.0, "p < 0.001")],
    )
    def test_a_p_value_is_not_written_as_the_level_that_it_is_under(self, number, text):
        assert ordinary(wording.p_value(number)) == text

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
        assert (found.funnel.compared, found.funnel.median) == (False, "")
        assert {(row.change, row.median_change) for row in found.funnel.rows} == {(wording.NOTHING, wording.NOTHING)}

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


class TestFunnel:
    def test_each_step_with_its_changes(self):
        rows = DIGESTS["normal"].funnel.rows
        assert [(row.name, row.sessions, row.share, row.step_share, row.step_before) for row in rows] == [
            ("Page view", "578", "100.0%", "100.0%", ""),
            ("Add to cart", "467", "80.8%", "80.8%", "page view"),
            ("Checkout", "361", "62.5%", "77.3%", "add to cart"),
            ("Shipped", "335", "58.0%", "92.8%", "checkout"),
        ]
        assert [(ordinary(row.change), ordinary(row.median_change)) for row in rows] == [
            ("0.0 pp", "0.0 pp"),
            ("+0.4 pp", "+1.8 pp"),
            ("+1.4 pp", "+3.1 pp"),
            ("-1.0 pp", "+0.9 pp"),
        ]
        assert DIGESTS["normal"].funnel.median == "4-week median"

    def test_a_median_of_one_week_is_left_out(self):
        figures = summaries.build(summaries.week(0, 578, 467, 361, 335), summaries.week(1, 560, 450, 342, 330))
        assert built(figures).funnel.median == ""

    def test_steps_that_moved_more_than_noise_are_marked(self):
        figures = copy_of(summaries.NORMAL, change__steps__checkout__reading="more_than_noise")
        assert [row.noteworthy for row in built(figures).funnel.rows] == [False, False, True, False]

    def test_drop_off_and_slowest_step_are_named(self):
        funnel = DIGESTS["normal"].funnel
        assert ordinary(funnel.drop_off) == (
            "The largest drop-off is between page view and add to cart: 111 sessions, 19.2 pp."
        )
        assert ordinary(funnel.slowest) == (
            "The slowest step is from checkout to shipped: half of 330 sessions took 2.3 days or less."
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
        assert found.funnel.drop_off.endswith("Shipped is not counted here while it is provisional.")
        assert [row.mark for row in found.funnel.rows] == ["", "", "", "*"]
        assert found.funnel.notes == ("* Provisional: packages are still going out.",)
        assert found.footer[1] == "Provisional until 22 Feb 2023 at the latest: shipped."
        assert "so far, provisional" in found.picture_text
        assert found.maturity == ""

    def test_no_session_ever(self):
        assert DIGESTS["zero"].funnel is None
        assert DIGESTS["zero"].picture is None


class TestMaturity:
    def test_provisional_step_is_compared_at_equal_age_with_the_newest_complete_week_beside_it(self):
        found = DIGESTS["provisional"]
        assert ordinary(found.maturity) == (
            "Shipping isn’t finished. At the close of the week 13.8% of its sessions had shipped, against 16.1% the "
            "week before (-2.2 pp). The newest complete week, to 18 Jan 2023, has 58.2% shipped (320 of 550)."
        )
        shipped = found.funnel.rows[-1]
        assert (shipped.mark, shipped.change_mark, shipped.median_mark) == ("*", "*", "*")
        assert found.funnel.notes == ("* Provisional: packages are still going out; its changes are at equal age.",)
        assert "Provisional until 1 Mar 2023 at the latest: shipped." in found.footer

    def test_a_median_of_weeks_of_which_one_is_provisional_has_a_mark_and_its_note_in_every_medium(self):
        # Week and week before are complete; the one before them still waits for a package.
        weeks = [summaries.week(ago, 100, 80, 60, 50, 40, waiting=ago == 2) for ago in range(4)]
        found = built(summaries.build(*weeks))
        shipped = found.funnel.rows[-1]
        assert (shipped.mark, shipped.change_mark, shipped.median_mark) == ("", "", "*")
        note = "* At equal age, because an earlier week is provisional."
        assert found.funnel.notes == (note,)
        for text in (as_text(slack_message.render(found)), mail_message.render(found).text):
            assert f"0.0{wording.SPACE}pp vs. the week before, 0.0{wording.SPACE}pp* vs. the 3-week median" in text
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
    def test_rate_and_mix_are_told_apart_and_n_is_shown(self):
        fern = DIGESTS["normal"].movers.rows[0]
        assert fern.name == "Product Fern"
        assert ordinary(f"{fern.contribution} {fern.rate}{fern.mix}") == "+5.1 pp +5.1 pp"
        france = next(row for row in DIGESTS["normal"].movers.rows if row.name == "Country France")
        assert ordinary(f"{france.contribution} {france.rate} {france.mix}") == "-0.9 pp -0.8 pp "
        assert (fern.conversion_before, fern.conversion) == ("46.2%", "67.9%")
        assert (fern.sessions_before, fern.sessions, fern.noteworthy) == ("130", "140", True)

    def test_what_is_no_more_than_noise_is_not_called_so(self):
        assert DIGESTS["provisional"].movers.lead == (
            "1 product, country or state with 30 or more sessions in both weeks was compared. Its own conversion did "
            "not change by more than noise."
        )

    def test_only_own_conversions_are_called_noise_or_more(self):
        # The mix adds all of a change that is far from noise; the conversions are as they were.
        shifted = summaries.build(
            summaries.week(0, 10_000, 8000, 6400, 6400),
            summaries.week(1, 10_000, 8000, 4800, 4800),
            movers=[
                summaries.mover("state", "Texas", (1600, 2000), (4800, 6000)),
                summaries.mover("state", "Utah", (3200, 8000), (1600, 4000)),
            ],
        )
        movers = built(shifted).movers
        assert [ordinary(row.contribution) for row in movers.rows] == ["+9.6 pp", "+6.4 pp"]
        assert not any(row.noteworthy for row in movers.rows)
        assert movers.lead.endswith(
            "These moved most at checkout. No group’s own conversion changed by more than chance would produce among "
            "2 groups. Groups overlap, so don’t add them up."
        )

    def test_a_small_group_that_collapsed_is_not_hidden_by_large_ones_that_hardly_moved(self):
        large = [summaries.mover("product", f"Fern {n}", (300, 500), (320 + n, 500)) for n in range(6)]
        figures = summaries.build(
            summaries.week(0, 10_000, 8000, 6200, 6200),
            summaries.week(1, 10_000, 8000, 6000, 6000),
            movers=[*large, summaries.mover("state", "Utah", (40, 60), (5, 60))],
        )
        movers = built(figures).movers
        assert [row.name for row in movers.rows][:2] == ["State Utah", "Product Fern 5"]
        assert [row.noteworthy for row in movers.rows] == [True, False, False, False, False]
        assert movers.lead == (
            "7 products, countries and states with 30 or more sessions in both weeks were compared. The own "
            "conversion of each marked group changed by more than chance would produce among 7 groups. The others "
            "moved most at checkout. Groups overlap, so don’t add them up."
        )

    @pytest.mark.parametrize(
        ("countries", "lead"),
        [
            (
                ["Peru"],
                "country or state with 30 or more sessions in both weeks was compared. It moved by less than 0.05 pp",
            ),
            (["Peru", "Chile"], "were compared. None moved by as much as 0.05 pp at checkout."),
        ],
    )
    def test_what_did_not_move_is_not_listed(self, countries, lead):
        same = summaries.build(
            summaries.week(0, 100, 80, 62, 62),
            summaries.week(1, 100, 80, 62, 62),
            movers=[summaries.mover("country", name, (31, 50), (31, 50)) for name in countries],
        )
        movers = built(same).movers
        assert movers.rows == ()
        assert lead in ordinary(movers.lead)

    @pytest.mark.parametrize(
        "text",
        [
            lambda: as_text(slack_message.render(DIGESTS["normal"])),
            lambda: mail_message.render(DIGESTS["normal"]).text,
            lambda: mail_message.render(DIGESTS["normal"]).html,
            lambda: page.render(summaries.NORMAL, summaries.PASSED, {}),
        ],
        ids=["slack", "mail", "mail as html", "page"],
    )
    def test_the_mark_is_on_what_was_tested(self, text):
        assert text().count("its own conversion changed by more than noise") == 1
        assert "<strong>+5.1 pp</strong><span" not in text()

    def test_nothing_had_enough_sessions(self):
        figures = copy_of(summaries.NORMAL, movers={"step": "checkout", "compared": 0, "movers": []})
        assert built(figures).movers.lead == (
            "No product, country or state has 30 sessions in both weeks, so none is compared."
        )


class TestOrders:
    def test_transitions_with_up_to_ten_ids_the_rarest_first_to_have_theirs(self):
        orders = DIGESTS["normal"].orders
        assert [(group.name, group.orders, len(group.ids), group.more) for group in orders.transitions] == [
            ("shipped → delivered", "14 orders", 8, "more in order_changes.csv"),
            ("preparing → shipped", "2 orders", 2, ""),
        ]

    def test_removed_and_returned_are_on_their_own(self):
        assert [(group.name, group.ids) for group in DIGESTS["normal"].orders.gone_and_back] == [
            ("Removed", ("order-4",)),
            ("Returned", ("order-5",)),
        ]

    def test_stuck_orders_with_their_peers(self):
        orders = DIGESTS["normal"].orders
        assert orders.stuck_lead == (
            "2 orders are stuck: in their status for longer than 95% of the orders that left it."
        )
        assert [ordinary(peers) for peers in orders.stuck_peers] == [
            "preparing: 95% of 120 orders left it within 6.5 days"
        ]
        assert [(order.order_id, ordinary(order.days)) for order in orders.stuck] == [
            ("order-30", "12.0 days"),
            ("order-31", "9.5 days"),
        ]

    def test_all_are_in_the_file(self):
        lines = DIGESTS["huge"].orders.csv.decode().splitlines()
        assert lines[0] == "order_id,change,status_from,status_to,changed_columns"
        assert len(lines) == 1501
        assert len(DIGESTS["huge"].orders.transitions[0].ids) == 10

    def test_the_file_to_send_holds_no_formula(self):
        hostile = ("=1+1", "+1", "-1", "@a", "\t=1", "a=1")
        changes = [summaries.change(name, status_from=name, status_to=None) for name in hostile]
        figures = summaries.build(summaries.week(0, 578, 467, 361, 335), changes=changes)
        rows = list(csv.DictReader(built(figures).orders.csv.decode().splitlines()))
        assert {row["order_id"] for row in rows} == {f"'{name}" for name in hostile[:-1]} | {"a=1"}
        assert {row["status_to"] for row in rows} == {""}
        # The report's own file is for programs.
        assert "\n=1+1," in order_changes.to_csv(figures.order_changes.orders)


class TestNotices:
    def test_first_extract(self):
        assert DIGESTS["first"].notices == ("First extract: there is none before it to compare orders with.",)
        assert DIGESTS["first"].footer[0] == "As of 1 Feb 2023, 00:00 UTC; extract before: none."

    def test_after_a_gap_and_held_weeks(self):
        gap, held = DIGESTS["gap"].notices
        assert gap == (
            "After a gap: the previous extract is of 11 Jan 2023, 3 weeks earlier. Order changes are since then."
        )
        assert held == (
            "The extract of 18 Jan 2023 is held and not used (sessions_unique: found twice). What later extracts "
            "show is in these figures."
        )
        assert DIGESTS["gap"].orders.lead == "4 orders changed since the extract of 11 Jan 2023."

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
        assert found.footer[-1] == "Restated."
        assert ("This week: sessions", "570", "578") in found.restated.figures
        assert ("This week: share checked out", "61.4%", "62.5%") in found.restated.figures

    def test_a_normal_week_has_none(self):
        assert DIGESTS["normal"].notices == ()
        assert DIGESTS["normal"].footer[-1] == "Not restated."


FAILED = "Warning: sessions_near_history failed. It checks: The meaning of sessions_near_history. Observed: 0.4 times"
SILENCED = (
    "Warning: unknown_states failed. It checks: The meaning of unknown_states. "
    "(silenced until 20 Feb 2023 by ana: the shop is moving). Observed: 0 rows"
)


WITH_INFOS = summaries.quality(
    summaries.check("orders_unique"),
    summaries.check("late_events", False, "info"),
    summaries.check("parcels_back", severity="info"),
)


class TestDefinitions:
    """Only the terms that the digest uses."""

    @pytest.mark.parametrize(
        ("week", "terms"),
        [
            ("zero", {"Session"}),
            ("gap", {"Session", "Step reached", "Conversion", "Step conversion", "Drop-off", "New", "Status changed"}),
            ("provisional", {"More than noise", "Rate and mix", "Provisional", "At equal age"}),
        ],
    )
    def test_are_those_of_the_week(self, week, terms):
        used = {term for term, _ in DIGESTS[week].definitions}
        assert terms <= used
        unused = {"zero": {"Conversion", "New"}, "gap": {"More than noise", "Provisional", "Stuck"}}
        assert not used & unused.get(week, {"Stuck", "Returned"})

    def test_slack_explains_what_it_marks(self):
        text = as_text(slack_message.render(DIGESTS["provisional"]))
        assert "Provisional: Not complete before 28 days" in text
        assert "At equal age: Each week is counted at its own end" in text
        assert "More than noise:" not in as_text(slack_message.render(DIGESTS["gap"]))


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
                    *[f"Warning: c{n} failed. It checks: The meaning of c{n}. Observed: 0 rows" for n in range(6)],
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
        found = correction.correction(build(summaries.NORMAL, None, summaries.RESTATEMENT, LINKS), sent.content)
        assert found == Correction(
            says="The figures are unchanged. Data quality: no check has been made; before: 2 of 2 checks passed.",
            restated=None,
        )

    def test_checks_that_fail_and_that_do_not_any_more(self):
        warned, normal = DIGESTS["warned"], DIGESTS["normal"]
        assert "New: Warning: sessions_near_history failed." in correction.correction(warned, normal.content).says
        assert "No longer: Warning: sessions_near_history failed." in correction.correction(normal, warned.content).says

    def test_what_was_observed_is_no_difference(self):
        check = summaries.check("volume", False, "warning")
        one, other = (
            built(summaries.NORMAL, summaries.quality({**check, "observed": text})) for text in ("3 rows", "4 rows")
        )
        assert (
            correction.correction(other, one.content).says == "The figures are unchanged. The checks are unchanged too."
        )

    def test_nothing_at_all(self):
        found = correction.correction(DIGESTS["normal"], DIGESTS["normal"].content)
        assert found.says == "The figures are unchanged. The checks are unchanged too."

    def test_what_was_sent_is_not_known_any_more(self):
        found = correction.correction(DIGESTS["restated"], None)
        assert (found.says, found.restated) == (
            "The earlier content is no longer known, so the changes are not listed.",
            None,
        )


def test_when_weeks_mature_is_news_only_where_a_step_is_provisional():
    for week, figures in (("normal", summaries.NORMAL), ("provisional", summaries.PROVISIONAL)):
        other = build(copy_of(figures, provisional__maturity_days=35), summaries.PASSED, None, Links())
        same = build(figures, summaries.PASSED, None, Links())
        assert correction.says_the_same(other, same.content) is (week == "normal")


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
    corrected = mail_message.render(found, correction.correction(found, before))
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
