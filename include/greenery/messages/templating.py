"""The environment that all templates share: HTML, escaped; a name that is missing is an error."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from greenery.messages import wording

environment = Environment(
    loader=PackageLoader("greenery.messages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
environment.filters |= {
    "number": wording.count,
    "signed": wording.signed,
    "percent": wording.percent,
    "percent_between": wording.percent_between,
    "signed_percent": wording.signed_percent,
    "points": wording.points,
    "duration": wording.duration,
    "days": wording.days,
    "plain": wording.plain,
    "day": wording.day,
    "date": wording.date,
}
