"""The parameters of the API."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Step = Literal["page_view", "add_to_cart", "checkout", "package_shipped"]
Bucket = Literal["day", "week", "month"]
Dimension = Literal["product", "country", "state", "visitor", "weekday"]
Visitor = Literal["new", "returning", "unknown"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

_PERIOD = "Sessions that start on {0} Default: {1}."
_ANY = "Only sessions with one of these {0}. Repeat the parameter for several. Default: all."


class Query(BaseModel):
    """The parameters of a request. A name that is not one of them is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class AsOf(Query):
    """The day as known on which the data is shown."""

    as_of: date | None = Field(
        None, description="Show what was known on this day, the as_of of a published extract. Default: the newest."
    )


class Selection(AsOf):
    """A selection of sessions. All parameters hold together."""

    from_: date | None = Field(
        None,
        validation_alias="from",
        serialization_alias="from",
        description=_PERIOD.format("this day or later.", "the day of the first session"),
    )
    to: date | None = Field(None, description=_PERIOD.format("an earlier day than this one.", "as_of"))
    product: tuple[str, ...] = Field(
        (), description="Only sessions that met one of these products (ids), with the steps that they reached with it."
    )
    country: tuple[str, ...] = Field((), description=_ANY.format("countries of their user"))
    state: tuple[str, ...] = Field((), description=_ANY.format("states of their user"))
    visitor: tuple[Visitor, ...] = Field(
        (), description="Whether the session is the first of its user that is known: `new` or `returning`."
    )
    weekday: tuple[Weekday, ...] = Field((), description=_ANY.format("weekdays of their start, in UTC"))


class Compared(Selection):
    """A selection, and the selection that it is compared with."""

    compare: Literal["none", "previous", "year_ago", "other"] = Field(
        "none",
        description="Compare with the period before of the same length, with the same weeks a year (52 weeks) ago, "
        "or with the selection that the parameters `other_…` make.",
    )
    other_from: date | None = Field(None, description="As `from`. Default: the same.")
    other_to: date | None = Field(None, description="As `to`. Default: the same.")
    other_product: tuple[str, ...] = Field((), description="As `product`.")
    other_country: tuple[str, ...] = Field((), description="As `country`.")
    other_state: tuple[str, ...] = Field((), description="As `state`.")
    other_visitor: tuple[Visitor, ...] = Field((), description="As `visitor`.")
    other_weekday: tuple[Weekday, ...] = Field((), description="As `weekday`.")

    def other(self) -> Selection:
        """Return the selection that the parameters `other_…` make."""
        return Selection(
            as_of=self.as_of,
            from_=self.other_from or self.from_,
            to=self.other_to or self.to,
            **{name: getattr(self, f"other_{name}") for name in FILTERS},
        )


FILTERS = ("product", "country", "state", "visitor", "weekday")


class OverTime(Selection):
    """A selection, by day, week or month."""

    by: Bucket = Field("week", description="The length of the periods. Weeks are those of the reports.")


class Breakdown(Selection):
    """A selection, broken down by one property of its sessions."""

    by: Dimension = Field("product", description="The property.")
    step: Step = Field("checkout", description="The step whose conversion is compared with the rest.")


class DrillDown(Selection):
    """The sessions behind a bar. Without `reached` and `lost`: all of the selection."""

    reached: Step | None = Field(None, description="Only sessions that reached this step.")
    lost: Step | None = Field(
        None, description="Only sessions that reached the step before this one, but not this one."
    )
    limit: int = Field(1000, ge=1, le=1000, description="How many sessions at most, the newest first.")
