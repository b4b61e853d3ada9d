"""A spoiled copy of a real extract is refused, naming the place, and leaves the warehouse as it was."""

from __future__ import annotations

import re
import shutil
from datetime import datetime
from pathlib import Path

import pytest
from greenery.landing.loading import land
from greenery.settings import Settings

from tests.unit.test_landing import content, refused

WEEK, NEXT = datetime(2023, 1, 11), datetime(2023, 1, 18)


def edit(name: str, pattern: str, replacement: str, count: int = 1):
    def spoil(folder: Path) -> None:
        file = folder / name
        text = file.read_text(encoding="utf-8")
        spoiled = re.sub(pattern, replacement, text, count=count, flags=re.MULTILINE)
        assert spoiled != text
        file.write_text(spoiled, encoding="utf-8")

    return spoil


def remove(name: str):
    return lambda folder: (folder / name).unlink()


def first_rows(name: str, number: int):
    def spoil(folder: Path) -> None:
        lines = (folder / name).read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / name).write_text("".join(lines[: number + 1]), encoding="utf-8")

    return spoil


def repeat_first_row(name: str, pattern: str = "", replacement: str = ""):
    def spoil(folder: Path) -> None:
        lines = (folder / name).read_text(encoding="utf-8").splitlines()
        lines.append(re.sub(pattern, replacement, lines[1]) if pattern else lines[1])
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")

    return spoil


REFUSED = {
    "no folder": (lambda folder: shutil.rmtree(folder), "no extract for 2023-01-18: expected {folder} with orders, "),
    "no file": (remove("events.csv"), "extract 2023-01-18, table events: {folder}/events.csv or .parquet is missing"),
    "no column": (
        edit("orders.csv", "^order_id,user_id", "order_id,buyer"),
        "{folder}/orders.csv: column user_id is missing",
    ),
    "unreadable": (
        edit("promos.csv", "active$", 'active,"'),
        "{folder}/promos.csv: can't be read (a value begins with a quotation mark that is never closed): ",
    ),
    "bad time": (
        edit("orders.csv", "2021-02-11T23:30:34Z", "11/02/2021 25:30"),
        "{folder}/orders.csv, row 1, column created_at: '11/02/2021 25:30' is not a time such as",
    ),
    "bad amount": (
        edit("products.csv", ",30.5,", ",thirty,"),
        "column price: 'thirty' is not an amount such as 12.50",
    ),
    "empty key": (
        edit("users.csv", r"\A(.*\n)[^,]+", r"\1"),
        "{folder}/users.csv, row 1, column user_id: the key is empty",
    ),
    "one key twice": (
        repeat_first_row("orders.csv", "delivered$", "shipped"),
        "orders.csv: 1 value(s) of the key (order_id) have rows with different content: 8329a65b-7ddf-4250-aeee-",
    ),
    "orders gone": (
        first_rows("orders.csv", 100),
        "orders.csv: the file lacks 261 of 361 order_ids of the extract 2023-01-11",
    ),
    "events gone": (
        first_rows("events.csv", 100),
        "events.csv: the file lacks 3453 of 3553 event_ids of the extract 2023-01-11",
    ),
}


@pytest.fixture
def home(real_extracts: Path, tmp_path: Path) -> Settings:
    """A home where the first real extract is landed and the second is a copy to spoil."""
    home = Settings(home=tmp_path / "home", extracts=tmp_path / "extracts")
    for week in (WEEK, NEXT):
        shutil.copytree(real_extracts / f"{week:%Y-%m-%d}", home.extracts / f"{week:%Y-%m-%d}")
    land(home, WEEK)
    return home


@pytest.mark.parametrize(("spoil", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_and_the_warehouse_unchanged(home, spoil, message):
    folder = home.extracts / "2023-01-18"
    spoil(folder)
    assert message.format(folder=folder) in refused(home, NEXT)


def test_landed_before_with_other_content(home):
    edit("orders.csv", "preparing", "shipped")(home.extracts / "2023-01-11")
    assert "differ from the landed extract (orders: 1 row(s) new or changed, 1 gone or changed)" in refused(home, WEEK)


def test_extra_column_and_identical_rows_land(home):
    folder = home.extracts / "2023-01-18"
    repeat_first_row("orders.csv")(folder)
    edit("promos.csv", r"(\w)\r?$", r"\1,x", count=0)(folder)
    landed = land(home, NEXT)
    assert landed.rows["orders"] == 361
    assert landed.warnings == ["promos.csv: unknown column 'x' was not landed"]
    assert len(content(home)["orders"]) == 2 * 361
