"""The differences between two versions of a week's figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from greenery.figures.restatement_model import FigureChange, OrderRestated, OrderState, Restatement

# The content of a JSON file, whichever version of the code wrote it.
Content = Mapping[str, Any]
# A row of these lists is known by its name, not by its position.
ROW_NAMES: dict[str, Callable[[Content], str]] = {
    "trend": lambda row: row["end"][:10],
    "movers.movers": lambda row: f"{row['dimension']} {row['value']}",
    "order_changes.status_transitions": lambda row: f"{row['from']} > {row['to']}",
    "order_changes.stuck.orders": lambda row: row["order_id"],
}


def compare(old: Content, new: Content) -> Restatement:
    """Return the differences between two contents of summary.json.

    Another version of the code may have written the old one. `figures` lists each value that differs, by its path; a
    value is null if that summary lacks it. `orders` lists each order whose change differs; it is null in a summary in
    which the order did not change.
    """
    figures_before, figures_now = dict(_figures(old)), dict(_figures(new))
    orders_before, orders_now = _orders(old, new), _orders(new, old)
    return Restatement(
        as_of=new["as_of"],
        figures=tuple(
            FigureChange(figure=path, old=figures_before.get(path), new=figures_now.get(path))
            for path in {**figures_before, **figures_now}
            if figures_before.get(path) != figures_now.get(path)
        ),
        orders=tuple(
            OrderRestated(order_id=order_id, old=orders_before.get(order_id), new=orders_now.get(order_id))
            for order_id in sorted({**orders_before, **orders_now})
            if orders_before.get(order_id) != orders_now.get(order_id)
        ),
    )


def agree(old: Any, new: Any) -> bool:
    """Return whether two documents have equal values for all keys that both have.

    Keys that only one of them has are ignored, because another version of the code can have more keys. Two lists agree
    if they are equally long and their rows agree one by one.
    """
    if isinstance(old, dict) and isinstance(new, dict):
        return all(agree(old[name], new[name]) for name in old.keys() & new.keys())
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(agree(before, now) for before, now in zip(old, new, strict=True))
    return bool(old == new)


def _figures(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if path == "order_changes.orders":
        return
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _figures(part, f"{path}.{name}" if path else name)
    elif path in ROW_NAMES:
        for row in value:
            yield from _figures(row, f"{path}.{ROW_NAMES[path](row)}")
    else:
        yield path, value


def _orders(summary: Content, other: Content) -> dict[str, OrderState]:
    """Return the change of each order by its id, with only those fields that both versions of the code write."""
    rows = summary["order_changes"]["orders"]
    samples = [*rows[:1], *other["order_changes"]["orders"][:1]]
    names = [name for name in OrderState.model_fields if all(name in row for row in samples)]
    return {row["order_id"]: OrderState.model_validate({name: row[name] for name in names}) for row in rows}
