"""The shop's seven source tables: columns, types and keys, declared once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

TEXT = "VARCHAR"
TIME = "TIMESTAMP"
MONEY = "DECIMAL(18,2)"
COUNT = "BIGINT"

ORDER_STATUSES = ("preparing", "shipped", "delivered")
STEPS = ("page_view", "add_to_cart", "checkout", "package_shipped")


@dataclass(frozen=True)
class Column:
    """A source column.

    required: whether the shop normally fills it. If it is empty, it lands with a warning; an empty key is refused.
    shown: whether a figure of the report needs it. A required column that no figure needs may be empty from the first
        week on.
    personal: whether it holds personal data, which is checked but never landed.
    known_values: the values that the shop is known to use. Another value lands with a warning.
    """

    name: str
    type: str = TEXT
    required: bool = True
    shown: bool = False
    personal: bool = False
    known_values: tuple[str, ...] = ()

    @property
    def is_code(self) -> bool:
        """Whether it holds ids. They are compared as texts, whatever their type is in the source."""
        return self.name.endswith("_id") or self.name == "zipcode"


@dataclass(frozen=True)
class Table:
    """A source table with its key."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def landed(self) -> tuple[Column, ...]:
        """The columns that are kept."""
        return tuple(column for column in self.columns if not column.personal)


class RowSource(Protocol):
    """A table whose rows come in Arrow batches.

    name: as messages name it. columns: the source's type of each column.
    """

    @property
    def name(self) -> str:
        """The name, as messages have it."""

    @property
    def columns(self) -> dict[str, str]:
        """The source's type of each column."""

    def batches(self, columns: list[str]) -> Iterator[pa.Table]:
        """Yield the rows, with these columns."""


def _optional(name: str, type: str = TEXT) -> Column:
    return Column(name, type, required=False)


def _personal(name: str) -> Column:
    return Column(name, personal=True)


TABLES = (
    Table(
        "orders",
        ("order_id",),
        (
            Column("order_id"),
            Column("user_id"),
            _optional("promo_id"),
            Column("address_id"),
            Column("created_at", TIME, shown=True),
            Column("order_cost", MONEY),
            Column("shipping_cost", MONEY),
            Column("order_total", MONEY),
            _optional("tracking_id"),
            _optional("shipping_service"),
            _optional("estimated_delivery_at", TIME),
            _optional("delivered_at", TIME),
            Column("status", shown=True, known_values=ORDER_STATUSES),
        ),
    ),
    Table(
        "order_items",
        ("order_id", "product_id"),
        (Column("order_id"), Column("product_id"), Column("quantity", COUNT)),
    ),
    Table(
        "events",
        ("event_id",),
        (
            Column("event_id"),
            Column("session_id", shown=True),
            _optional("user_id"),
            Column("page_url"),
            Column("created_at", TIME, shown=True),
            Column("event_type", shown=True, known_values=STEPS),
            _optional("order_id"),
            _optional("product_id"),
        ),
    ),
    Table(
        "users",
        ("user_id",),
        (
            Column("user_id"),
            _personal("first_name"),
            _personal("last_name"),
            _personal("email"),
            _personal("phone_number"),
            Column("created_at", TIME),
            Column("updated_at", TIME),
            Column("address_id", shown=True),
        ),
    ),
    Table(
        "addresses",
        ("address_id",),
        (Column("address_id"), _personal("address"), Column("zipcode"), Column("state"), Column("country", shown=True)),
    ),
    Table(
        "products",
        ("product_id",),
        (Column("product_id"), Column("name", shown=True), Column("price", MONEY), Column("inventory", COUNT)),
    ),
    Table(
        "promos",
        ("promo_id",),
        (Column("promo_id"), Column("discount", MONEY), Column("status")),
    ),
)
