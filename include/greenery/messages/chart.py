"""The charts of a week's report as Vega-Lite specs, and their pictures."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import vl_convert

from greenery.figures.model import Summary, TrendWeek
from greenery.messages import wording
from greenery.source.tables import STEPS

Spec = dict[str, Any]
"""A chart as Vega-Lite has it."""
# Okabe and Ito's colours, told apart by every kind of colour vision and dark enough for white, light enough for black.
COLORS = {"page_view": "#7F7F7F", "add_to_cart": "#0072B2", "checkout": "#D55E00", "package_shipped": "#009E73"}
SHAPES = {"page_view": "square", "add_to_cart": "circle", "checkout": "triangle-up", "package_shipped": "diamond"}
# The width of a phone, so that text keeps its size there.
WIDTH = 360
# In a page, the text takes the colour of the text around it; in a PNG it is black.
TEXT = "currentColor"
CONFIG = {
    # Liberation Sans comes with vl-convert and is as wide as Arial and Helvetica.
    "font": "Liberation Sans, Arial, Helvetica, sans-serif",
    "aria": False,
    "view": {"stroke": None},
    "text": {"color": TEXT, "align": "left", "fontSize": 13},
    "axis": {"labelColor": TEXT, "labelFontSize": 12, "title": None, "domain": False, "ticks": False},
    "legend": {"labelColor": TEXT, "labelFontSize": 12, "title": None, "orient": "top", "columns": 4},
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
    """Return the funnel of the week or, where it has no sessions, of all time: a bar a step over all sessions."""
    # Fitted to its content, the outline of a provisional bar would widen the chart beyond the others.
    return _spec({**_funnel(summary), "autosize": "none"}, _funnel_description(summary))


def trend_spec(summary: Summary) -> Spec:
    """Return the conversion of each step over the last weeks.

    A provisional week has no point of its own for a step that is still to come. Instead all weeks have one of what each
    had at its own end: hollow, on a dashed line.
    """
    return _spec(_trend(summary), _trend_description(summary))


def report_spec(summary: Summary) -> Spec:
    """Return both charts with their titles, on white, for media that show one picture."""
    funnel = {**_funnel(summary), "title": {"text": "Funnel", "subtitle": _funnel_subtitle(summary), "offset": 14}}
    trend = {**_trend(summary), "title": {"text": "Conversion by week", "subtitle": trend_key(summary), "offset": 8}}
    body = {"vconcat": [funnel, trend] if has_trend(summary) else [funnel], "spacing": 32}
    body["resolve"] = {"scale": dict.fromkeys(("color", "fill", "shape", "stroke"), "independent")}
    return _spec(body, report_description(summary), background="white", padding=20)


def report_description(summary: Summary) -> str:
    """Return both charts' numbers in words."""
    return f"{_funnel_description(summary)} {_trend_description(summary)}"


def trend_key(summary: Summary) -> list[str]:
    """Return how the trend is to be read, line by line."""
    if not _provisional_trend(summary):
        return ["Shaded: this week."]
    return [
        "Shaded: this week. Filled: complete weeks.",
        "Hollow, dashed: shipped by each week’s own end.",
    ]


def has_trend(summary: Summary) -> bool:
    """Return whether any of the last weeks has a session."""
    return any(week.sessions for week in summary.trend)


def to_svg(spec: Spec) -> str:
    """Return the chart as SVG text that takes the text colour of the page it is put into."""
    return vl_convert.vegalite_to_svg(spec)


def to_png(spec: Spec, scale: float = 2) -> bytes:
    """Return the chart as a PNG of `scale` pixels a point."""
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
    color = {"field": "step", "scale": _scale(COLORS), "legend": None}
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


def _trend(summary: Summary) -> Spec:
    weeks = summary.trend
    days = [wording.day(week.end) for week in weeks]
    series = [[_point(week, step) for week in weeks] for step in STEPS]
    if _provisional_trend(summary):
        series.append([_equal_age_point(week) for week in weeks])
    points = [point for line in series for point in line]
    lines = [
        {**start, "next": end["day"], "next_share": end["share"]}
        for line in series
        for start, end in pairwise(line)
        if start["share"] is not None and end["share"] is not None
    ]
    x = {
        "field": "day",
        "type": "ordinal",
        "scale": {"type": "point", "domain": days, "padding": 0.5},
        "axis": {
            "values": days[::-2],
            "labelAngle": 0,
            "labelPadding": 8,
            "labelFontWeight": {
                "condition": {"test": f"datum.value === '{days[-1]}'", "value": "bold"},
                "value": "normal",
            },
        },
    }
    y = {
        "field": "share",
        "type": "quantitative",
        "scale": {"domain": [0, 1]},
        "axis": {
            "orient": "right",
            "format": ".0%",
            "values": [0, 0.25, 0.5, 0.75, 1],
            "gridColor": "#7F7F7F",
            "gridOpacity": 0.3,
        },
    }
    legend = {"labelExpr": f"{wording.STEP_NAMES}[datum.label]"}
    color = {"field": "step", "scale": _scale(COLORS), "legend": legend}
    return {
        "width": WIDTH - 38,
        "height": 200,
        "layer": [
            {
                "data": {"values": [{"day": days[-1]}]},
                "mark": {"type": "rule", "color": "#7F7F7F", "opacity": 0.2, "strokeWidth": 16},
                "encoding": {"x": x},
            },
            {
                "data": {"values": lines},
                "mark": {"type": "rule", "strokeWidth": 2},
                "encoding": {
                    "x": x,
                    "x2": {"field": "next"},
                    "y": y,
                    "y2": {"field": "next_share"},
                    "color": color,
                    "strokeDash": {"condition": {"test": "datum.equal_age", "value": [4, 3]}, "value": [1, 0]},
                },
            },
            {
                "data": {"values": points},
                "transform": [{"filter": "isValid(datum.share)"}],
                "mark": {"type": "point", "size": 50, "strokeWidth": 2, "opacity": 1},
                "encoding": {
                    "x": x,
                    "y": y,
                    "shape": {"field": "step", "scale": _scale(SHAPES), "legend": legend},
                    "stroke": color,
                    "fill": {"condition": {"test": "datum.equal_age", "value": "transparent"}, **color},
                },
            },
        ],
    }


def _provisional_trend(summary: Summary) -> bool:
    """Return whether any of the last weeks has a step that is still to come."""
    return any(week.provisional for week in summary.trend)


def _point(week: TrendWeek, step: str) -> Spec:
    share = None if step in week.provisional else week.conversion.of(step)
    return {"day": wording.day(week.end), "step": step, "share": share, "equal_age": False}


def _equal_age_point(week: TrendWeek) -> Spec:
    shipped = week.equal_age.package_shipped
    return {"day": wording.day(week.end), "step": "package_shipped", "share": shipped, "equal_age": True}


def _text(field: str, **mark: object) -> Spec:
    return {"mark": {"type": "text", **mark}, "encoding": {"text": {"field": field, "type": "nominal"}}}


def _scale(values: dict[str, str]) -> Spec:
    return {"domain": list(values), "range": list(values.values())}


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
