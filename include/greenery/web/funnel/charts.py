"""The charts of the page as Vega-Lite specs. They look like those of the report; the page adds the data."""

from __future__ import annotations

from typing import Any

from greenery.messages import wording
from greenery.messages.chart import COLORS, CONFIG, TEXT

Spec = dict[str, Any]
GREY = "#7F7F7F"
# The steps share one panel here, so that more than the colour tells them apart.
SHAPES = {"page_view": "square", "add_to_cart": "circle", "checkout": "triangle-up", "package_shipped": "diamond"}


def specs() -> dict[str, Spec]:
    """Return the Vega-Lite spec of each chart, by its name."""
    return {"funnel": _funnel(), "over_time": _over_time(), "distribution": _distribution(), "pace": _pace()}


def _spec(body: Spec) -> Spec:
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "background": None,
        "padding": 0,
        "width": "container",
        "autosize": {"type": "fit-x", "contains": "padding"},
        "config": CONFIG,
        **body,
    }


def _named(values: dict[str, str]) -> Spec:
    return {"domain": list(values), "range": list(values.values())}


def _funnel() -> Spec:
    """Return the funnel: for each step a bar over all sessions, and a tick for the other selection."""
    share = {"field": "share", "type": "quantitative", "scale": {"domain": [0, 1]}, "axis": None}
    color = {"field": "step", "scale": _named(COLORS), "legend": None}
    tooltip = [
        {"field": "name", "title": "Step"},
        {"field": "reached", "title": "Sessions", "format": ",d"},
        {"field": "share", "title": "Of all sessions", "format": ".1%"},
        {"field": "text", "title": "Lost before"},
    ]
    return _spec(
        {
            "height": 4 * 70,
            "data": {"name": "bars"},
            "encoding": {"y": {"field": "step", "type": "nominal", "sort": None, "axis": None}},
            "layer": [
                {
                    "mark": {"type": "bar", "height": 18, "color": GREY, "opacity": 0.2},
                    "encoding": {"x": {"datum": 1, "type": "quantitative"}},
                },
                {
                    "transform": [{"filter": "!datum.provisional"}],
                    "mark": {"type": "bar", "height": 18, "cursor": "pointer"},
                    "encoding": {"x": share, "color": color, "tooltip": tooltip},
                },
                {
                    "transform": [{"filter": "datum.provisional"}],
                    "mark": {
                        "type": "bar",
                        "height": 16,
                        "fillOpacity": 0.2,
                        "strokeWidth": 2,
                        "strokeDash": [4, 3],
                        "cursor": "pointer",
                    },
                    "encoding": {"x": share, "fill": color, "stroke": color, "tooltip": tooltip},
                },
                {
                    "transform": [{"filter": "isValid(datum.other)"}],
                    "mark": {"type": "tick", "thickness": 3, "height": 22, "color": "currentColor"},
                    "encoding": {
                        "x": {"field": "other", "type": "quantitative"},
                        "tooltip": [{"field": "other", "title": "Compared with", "format": ".1%"}],
                    },
                },
                _text("name", x=0, dy=-19, fontWeight="bold"),
                _text("figures", x={"expr": "width"}, dy=-19, align="right", fontWeight="bold"),
                _text("text", x=0, dy=21, fontSize=12),
            ],
        }
    )


def _text(field: str, **mark: object) -> Spec:
    return {"mark": {"type": "text", **mark}, "encoding": {"text": {"field": field, "type": "nominal"}}}


def _time_axis(**scale: object) -> Spec:
    # All times are UTC. In a local zone a day could become the day before.
    return {
        "field": "day",
        "type": "temporal",
        "scale": {"type": "utc", **scale},
        "axis": {
            "grid": False,
            "labelAngle": 0,
            "labelPadding": 8,
            "labelOverlap": "greedy",
            "labelSeparation": 12,
            "tickCount": 6,
            # A day, in milliseconds. With more ticks, several would be labelled with the same day.
            "tickMinStep": 86_400_000,
            "format": "%-d %b",
        },
    }


def _over_time() -> Spec:
    x = _time_axis(padding=8)
    y_axis = {"orient": "right", "format": ".0%", "gridColor": GREY, "gridOpacity": 0.3, "tickCount": 5}
    y_scale = {"zero": False, "nice": True}
    # The page says which steps it shows.
    legend = {
        "labelExpr": f"{wording.STEP_NAMES}[datum.label]",
        "values": {"expr": "steps"},
        "orient": "top",
        "title": None,
        "labelColor": TEXT,
        "labelFontSize": 12,
        "symbolOpacity": 1,
    }
    color = {"field": "step", "scale": _named(COLORS), "legend": legend}
    tooltip = [
        {"field": "period", "title": "Period"},
        {"field": "name", "title": "Step"},
        {"field": "share", "title": "Conversion", "format": ".1%"},
        {"field": "range", "title": "95 % interval"},
        {"field": "reached", "title": "Reached", "format": ",d"},
        {"field": "sessions", "title": "Sessions", "format": ",d"},
        {"field": "state", "title": "Shipping"},
    ]
    return _spec(
        {
            "height": 280,
            "params": [{"name": "steps", "value": list(COLORS)}],
            "layer": [
                {
                    "data": {"name": "notes"},
                    "mark": {"type": "rule", "color": "currentColor", "opacity": 0.7, "strokeDash": [2, 3]},
                    "encoding": {
                        "x": x,
                        "tooltip": [{"field": "date", "title": "Day"}, {"field": "text", "title": "Note"}],
                    },
                },
                {
                    "data": {"name": "points"},
                    "mark": {"type": "area", "opacity": 0.16},
                    "encoding": {
                        "x": x,
                        "y": {"field": "low", "type": "quantitative", "scale": y_scale, "axis": y_axis},
                        "y2": {"field": "high"},
                        "color": color,
                    },
                },
                {
                    "data": {"name": "points"},
                    "transform": [{"filter": "!datum.provisional"}],
                    "mark": {"type": "line", "strokeWidth": 2},
                    "encoding": {
                        "x": x,
                        "y": {"field": "share", "type": "quantitative"},
                        "color": color,
                    },
                },
                {
                    "data": {"name": "points"},
                    "mark": {"type": "point", "size": 44, "strokeWidth": 2, "opacity": 1, "cursor": "pointer"},
                    "encoding": {
                        "x": x,
                        "y": {"field": "share", "type": "quantitative"},
                        "shape": {"field": "step", "scale": _named(SHAPES), "legend": legend},
                        "stroke": color,
                        "fill": {"condition": {"test": "datum.provisional", "value": "transparent"}, **color},
                        "tooltip": tooltip,
                    },
                },
            ],
        }
    )


def _distribution() -> Spec:
    """Return the distribution of the times of one step: the sessions by the time that they took."""
    return _spec(
        {
            "height": 150,
            "data": {"name": "bins"},
            "mark": {"type": "bar", "color": {"expr": "datum_color"}},
            "params": [{"name": "datum_color", "value": GREY}],
            "encoding": {
                "x": {
                    "field": "label",
                    "type": "ordinal",
                    "sort": None,
                    "axis": {"labelAngle": -40, "labelPadding": 4},
                    "scale": {"paddingInner": 0.15},
                },
                "y": {
                    "field": "share",
                    "type": "quantitative",
                    "axis": {"orient": "right", "format": ".0%", "gridColor": GREY, "gridOpacity": 0.3, "tickCount": 3},
                },
                "tooltip": [
                    {"field": "label", "title": "Took"},
                    {"field": "sessions", "title": "Sessions", "format": ",d"},
                    {"field": "share", "title": "Share", "format": ".1%"},
                ],
            },
        }
    )


def _pace() -> Spec:
    """Return the median time of one step over time, in the unit that the page chooses, with the middle half."""
    x = _time_axis(padding=8)
    y_axis = {"orient": "right", "gridColor": GREY, "gridOpacity": 0.3, "tickCount": 4}
    return _spec(
        {
            "height": 150,
            "data": {"name": "points"},
            "params": [{"name": "datum_color", "value": GREY}],
            "layer": [
                {
                    "mark": {"type": "area", "opacity": 0.2, "color": {"expr": "datum_color"}},
                    "encoding": {
                        "x": x,
                        "y": {"field": "low", "type": "quantitative", "axis": y_axis},
                        "y2": {"field": "high"},
                    },
                },
                {
                    "mark": {"type": "line", "strokeWidth": 2, "color": {"expr": "datum_color"}},
                    "encoding": {"x": x, "y": {"field": "median", "type": "quantitative"}},
                },
                {
                    "mark": {
                        "type": "point",
                        "size": 36,
                        "filled": True,
                        "opacity": 1,
                        "color": {"expr": "datum_color"},
                    },
                    "encoding": {
                        "x": x,
                        "y": {"field": "median", "type": "quantitative"},
                        "tooltip": [
                            {"field": "period", "title": "Period"},
                            {"field": "text", "title": "Median"},
                            {"field": "range", "title": "Middle half"},
                            {"field": "sessions", "title": "Sessions", "format": ",d"},
                        ],
                    },
                },
            ],
        }
    )
