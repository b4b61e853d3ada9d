"""The charts of a week's report as Vega-Lite specs, and their pictures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, floor
from typing import Any, NamedTuple

import vl_convert

from greenery.figures.model import RecentChange, Summary, TrendWeek
from greenery.messages import wording
from greenery.source.tables import STEPS

Spec = dict[str, Any]
"""A chart as Vega-Lite has it."""
# The colours of Okabe and Ito: people with any kind of colour vision can tell them apart, on white and on black.
COLORS = {"page_view": "#7F7F7F", "add_to_cart": "#0072B2", "checkout": "#D55E00", "package_shipped": "#009E73"}
# The width of a phone, so that text keeps its size there.
WIDTH = 360
PANEL_HEIGHT = 64
# The distance between two grid lines: 1 is a multiple of each.
TICKS = (0.05, 0.1, 0.25, 0.5)
MOST_TICKS = 3
# In a page, the text takes the colour of the text around it; in a PNG it is black.
TEXT = "currentColor"
CONFIG = {
    # Liberation Sans comes with vl-convert and is as wide as Arial and Helvetica.
    "font": "Liberation Sans, Arial, Helvetica, sans-serif",
    "aria": False,
    "view": {"stroke": None},
    "text": {"color": TEXT, "align": "left", "fontSize": 13},
    "axis": {"labelColor": TEXT, "labelFontSize": 12, "title": None, "domain": False, "ticks": False},
    "title": {
        "color": TEXT,
        "subtitleColor": TEXT,
        "anchor": "start",
        "frame": "group",
        "fontSize": 16,
        "subtitleFontSize": 12,
    },
}


def funnel_spec(summary: Summary) -> Spec:
    """Return the funnel of the week or, if it has no sessions, of all time: for each step a bar, over all sessions."""
    # If the chart were fitted to its content, the outline of a provisional bar would make it wider than the others.
    return _spec({**_funnel(summary), "autosize": "none"}, _funnel_description(summary))


def trend_spec(summary: Summary) -> Spec:
    """Return the conversion of each step over the last weeks, each step in a panel of its own. It needs has_trend.

    A provisional week has no point in the panel of its provisional step. A second panel shows the share that each week
    had at its own end, with hollow points on a dashed line. Each panel is centred on its own figures, and all have the
    same scale, so one percentage point is equally high in all. Page view is drawn only if it is not 100 % in every
    week.
    """
    return _spec(_trend(summary), _trend_description(summary))


def report_spec(summary: Summary) -> Spec:
    """Return both charts with their titles, on white, for media that show one picture."""
    funnel = {**_funnel(summary), "title": {"text": "Funnel", "subtitle": _funnel_subtitle(summary), "offset": 14}}
    charts = [funnel]
    if has_trend(summary):
        title = {"text": "Conversion by week", "subtitle": trend_key(summary), "offset": 14}
        charts.append({**_trend(summary), "title": title})
    body = {"vconcat": charts, "spacing": 32}
    body["resolve"] = {"scale": dict.fromkeys(("color", "fill", "stroke"), "independent")}
    return _spec(body, report_description(summary), background="white", padding=20)


def report_description(summary: Summary) -> str:
    """Return a text with the numbers of the charts."""
    text = _funnel_description(summary)
    return f"{text} {_trend_description(summary)}" if has_trend(summary) else text


def trend_key(summary: Summary) -> list[str]:
    """Return the lines that explain how to read the trend."""
    lines = ["Shaded: this week.", "One point is equally high in every panel."]
    if any(map(_is_compared, summary.four_weeks.steps.values())):
        lines += ["Grey lines: the last four weeks together,", "and the four weeks before."]
    return lines


def has_trend(summary: Summary) -> bool:
    """Return whether any of the last weeks has a session."""
    return any(week.sessions for week in summary.trend)


def to_svg(spec: Spec) -> str:
    """Return the chart as SVG. Its texts have the text colour of the page that contains it."""
    return vl_convert.vegalite_to_svg(spec)


def to_png(spec: Spec, scale: float = 2) -> bytes:
    """Return the chart as PNG. scale: pixels for each point of the chart."""
    return vl_convert.vegalite_to_png(spec, scale=scale)


def _spec(body: Spec, description: str, background: str | None = None, padding: int = 0) -> Spec:
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "description": description,
        "background": background,
        "padding": padding,
        "config": CONFIG,
        **body,
    }


def _funnel(summary: Summary) -> Spec:
    scope = wording.scope(summary)
    counts, rates = summary.funnel.of(scope), summary.rates.of(scope)
    provisional = wording.provisional(summary).steps
    bars = [
        {
            "step": step,
            "name": wording.STEP_NAMES[step],
            "share": rates.of(step).conversion or 0,
            "figures": f"{wording.count(counts.of(step))} · {wording.percent(rates.of(step).conversion)}",
            "lost": wording.lost(rates.of(step)) + (" so far, provisional" if step in provisional else ""),
            "provisional": step in provisional,
        }
        for step in STEPS
    ]
    share = {"field": "share", "type": "quantitative", "scale": {"domain": [0, 1]}, "axis": None}
    color = {"field": "step", "scale": {"domain": list(COLORS), "range": list(COLORS.values())}, "legend": None}
    return {
        "width": WIDTH,
        "height": {"step": 62},
        "data": {"values": bars},
        "encoding": {"y": {"field": "step", "type": "nominal", "sort": None, "axis": None}},
        "layer": [
            {
                "mark": {"type": "bar", "height": 16, "color": "#7F7F7F", "opacity": 0.2},
                "encoding": {"x": {"datum": 1, "type": "quantitative"}},
            },
            {
                "transform": [{"filter": "!datum.provisional"}],
                "mark": {"type": "bar", "height": 16},
                "encoding": {"x": share, "color": color},
            },
            {
                "transform": [{"filter": "datum.provisional"}],
                "mark": {"type": "bar", "height": 14, "fillOpacity": 0.2, "strokeWidth": 2, "strokeDash": [4, 3]},
                "encoding": {"x": share, "fill": color, "stroke": color},
            },
            _text("name", x=0, dy=-18, fontWeight="bold"),
            _text("figures", x=WIDTH, dy=-18, align="right", fontWeight="bold"),
            _text("lost", x=0, dy=18, fontSize=12),
        ],
    }


class _Panel(NamedTuple):
    """A panel of the trend: the share of each week, or None if a week has none."""

    step: str
    title: str
    shares: list[float | None]
    at_equal_age: bool

    @property
    def known(self) -> list[float]:
        """The shares that are there."""
        return [share for share in self.shares if share is not None]


def _panels(summary: Summary) -> list[_Panel]:
    weeks = summary.trend
    panels = []
    for step, name in wording.STEP_NAMES.items():
        shares = [None if step in week.provisional else week.conversion.of(step) for week in weeks]
        is_partial = any(step in week.provisional for week in weeks)
        panels.append(_Panel(step, f"{name}, complete weeks" if is_partial else name, shares, False))
        if is_partial:
            early = [week.equal_age.package_shipped for week in weeks]
            panels.append(_Panel(step, f"{name} by each week’s own end", early, True))
    return [
        panel for panel in panels if panel.known and (panel.step != "page_view" or any(one != 1 for one in panel.known))
    ]


def _trend(summary: Summary) -> Spec:
    """Return the panels, one below the other. At least one of the weeks must have a session."""
    panels = _panels(summary)
    tick, spans = _scale(panels)
    days = [wording.day(week.end) for week in summary.trend]
    return {
        "vconcat": [
            _panel(summary, panel, days, low, tick, max(spans), is_last=panel is panels[-1])
            for panel, low in zip(panels, _lows(panels, tick, max(spans)), strict=True)
        ],
        "spacing": 12,
    }


def _scale(panels: Sequence[_Panel]) -> tuple[float, list[int]]:
    """Return the distance between two grid lines, and the number of such distances that each panel's shares span."""
    for tick in TICKS:
        spans = [max(1, ceil(max(panel.known) / tick) - floor(min(panel.known) / tick)) for panel in panels]
        if max(spans) <= MOST_TICKS:
            break
    return tick, spans


def _lows(panels: Sequence[_Panel], tick: float, span: int) -> list[float]:
    """Return the lowest grid line of each panel. Its shares lie in the middle, as far as the ends 0 and 1 allow."""
    lows = []
    for panel in panels:
        middle = (min(panel.known) + max(panel.known)) / 2
        low = round(middle / tick - span / 2)
        low = min(low, floor(min(panel.known) / tick))
        low = max(low, ceil(max(panel.known) / tick) - span, 0)
        lows.append(min(low, max(0, round(1 / tick) - span)))
    return [round(low * tick, 2) for low in lows]


def _panel(
    summary: Summary, panel: _Panel, days: list[str], low: float, tick: float, span: int, *, is_last: bool
) -> Spec:
    color = COLORS[panel.step]
    dash = [4, 3] if panel.at_equal_age else [1, 0]
    points = [{"day": day, "share": share} for day, share in zip(days, panel.shares, strict=True)]
    lines = [
        {**start, "next": end["day"], "next_share": end["share"]}
        for start, end in pairwise(points)
        if start["share"] is not None and end["share"] is not None
    ]
    axis = {
        "values": days[::-2],
        "labelAngle": 0,
        "labelPadding": 8,
        "labelFontWeight": {
            "condition": {"test": f"datum.value === '{days[-1]}'", "value": "bold"},
            "value": "normal",
        },
    }
    x = {
        "field": "day",
        "type": "ordinal",
        "scale": {"type": "point", "domain": days, "padding": 0.5},
        "axis": axis if is_last else None,
    }
    y = {
        "field": "share",
        "type": "quantitative",
        "scale": {"domain": [low, round(low + span * tick, 2)], "zero": False, "nice": False},
        "axis": {
            "orient": "right",
            "format": ".0%",
            "values": [round(low + number * tick, 2) for number in range(span + 1)],
            "gridColor": "#7F7F7F",
            "gridOpacity": 0.3,
        },
    }
    to = {"x2": {"field": "next"}, "y2": {"field": "next_share"}}
    return {
        "width": WIDTH - 38,
        "height": PANEL_HEIGHT,
        "layer": [
            {
                "data": {"values": [{"title": panel.title, "newest": _newest(panel)}]},
                "layer": [
                    _text("title", x=0, y=-14, fontWeight="bold"),
                    _text("newest", x=WIDTH - 38, y=-14, align="right", fontWeight="bold"),
                ],
            },
            {
                "data": {"values": [{"day": days[-1]}]},
                "mark": {"type": "rule", "color": "#7F7F7F", "opacity": 0.2, "strokeWidth": 16},
                "encoding": {"x": x},
            },
            {
                "data": {"values": _levels(summary, panel, days)},
                "mark": {"type": "rule", "color": "#7F7F7F", "strokeWidth": 2},
                "encoding": {"x": x, "y": y, **to},
            },
            {
                "data": {"values": lines},
                "mark": {"type": "rule", "color": color, "strokeWidth": 2, "strokeDash": dash},
                "encoding": {"x": x, "y": y, **to},
            },
            {
                "data": {"values": points},
                "transform": [{"filter": "isValid(datum.share)"}],
                "mark": {
                    "type": "point",
                    "size": 40,
                    "strokeWidth": 2,
                    "opacity": 1,
                    "stroke": color,
                    "fill": "transparent" if panel.at_equal_age else color,
                },
                "encoding": {"x": x, "y": y},
            },
        ],
    }


def _levels(summary: Summary, panel: _Panel, days: list[str]) -> list[Spec]:
    """Return the conversion of the last four weeks and of the four before, as lines over those weeks."""
    found, weeks = summary.four_weeks.steps.of(panel.step), summary.four_weeks.weeks
    if not _is_compared(found) or found.at_equal_age != panel.at_equal_age:
        return []
    now, before = days[-weeks:], days[-2 * weeks : -weeks]
    return [
        {"day": over[0], "next": over[-1], "share": share, "next_share": share}
        for over, share in ((before, found.conversion_before), (now, found.conversion))
        if over
    ]


def _newest(panel: _Panel) -> str:
    return "" if panel.shares[-1] is None else wording.percent(panel.shares[-1])


def _is_compared(found: RecentChange) -> bool:
    return found.p_value is not None


def _provisional_trend(summary: Summary) -> bool:
    """Return whether any of the last weeks has a step that is still to come."""
    return any(week.provisional for week in summary.trend)


def _text(field: str, **mark: object) -> Spec:
    return {"mark": {"type": "text", **mark}, "encoding": {"text": {"field": field, "type": "nominal"}}}


def _funnel_subtitle(summary: Summary) -> str:
    scope = wording.scope(summary)
    sessions = wording.count(summary.funnel.of(scope).sessions, "session")
    return f"{sessions}, week to {wording.date(summary.as_of)}" if scope == "week" else f"All {sessions} so far"


def _funnel_description(summary: Summary) -> str:
    scope = wording.scope(summary)
    counts, rates = summary.funnel.of(scope), summary.rates.of(scope)
    provisional = wording.provisional(summary).steps
    steps = [
        f"{name.lower()} {wording.count(counts.of(step))} ({wording.percent(rates.of(step).conversion)})"
        f"{' so far, provisional' if step in provisional else ''}"
        for step, name in wording.STEP_NAMES.items()
    ]
    return f"Funnel, {_funnel_subtitle(summary)}: {', '.join(steps)}."


def _trend_description(summary: Summary) -> str:
    weeks = [
        f"{wording.day(week.end)} " + " / ".join(_share_text(week, step) for step in STEPS) for week in summary.trend
    ]
    text = f"Conversion by week ({' / '.join(wording.STEP_NAMES.values())}), week to {'; '.join(weeks)}."
    if not _provisional_trend(summary):
        return text
    at_equal_age = [
        f"{wording.day(week.end)} {wording.percent(week.equal_age.package_shipped)}" for week in summary.trend
    ]
    return f"{text} Shipped by each week’s own end: {'; '.join(at_equal_age)}."


def _share_text(week: TrendWeek, step: str) -> str:
    return "provisional" if step in week.provisional else wording.percent(week.conversion.of(step))
