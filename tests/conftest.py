"""What all tests share: extracts to land, and where the real ones are."""

from __future__ import annotations

import csv
import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from greenery.settings import REPOSITORY, Settings
from greenery.source.tables import TABLES
from hypothesis import HealthCheck, settings

from tests import proofs
from tests.properties import proof_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.properties.replay import Recording, Warehouse

# Each test sets its seed, so that it is stable from run to run. `make test` runs 200 random histories in ten parts, the
# profile fast 1,000, and `make prove-histories` the 10,000 of the profile prove.
settings.register_profile(
    "test", max_examples=20, database=None, deadline=None, print_blob=False, suppress_health_check=list(HealthCheck)
)
settings.register_profile("fast", parent=settings.get_profile("test"), max_examples=100)
settings.register_profile("prove", parent=settings.get_profile("test"), max_examples=1000)
settings.load_profile("test")

# `make test` runs files side by side in two processes, which begin with the first two. The second one forks, which no
# process can do that has built with dbt before. Long files follow, so that both processes are busy to the end.
FIRST = (
    "e2e/test_weekly_run.py",
    "forks/test_parsed_project.py",
    "properties/test_one_rule.py",
    "dbt/test_restated_weeks.py",
    "gate/test_gate.py",
    "dbt/test_real_extracts.py",
    "dbt/test_held_extract.py",
    "dbt/test_recovery.py",
    "dbt/test_incremental.py",
    "dbt/test_new_mart.py",
    "properties/test_autocommit.py",
    "dbt/test_dbt_snapshot.py",
    "delivery/test_cases.py",
    "e2e/test_kills.py",
)

REAL_EXTRACTS = Path(
    os.environ.get("GREENERY_REAL_EXTRACTS") or REPOSITORY.parent / "shared" / "greenery" / "extracts"
).absolute()

ORDER = {
    "order_id": "o1",
    "user_id": "u1",
    "promo_id": "",
    "address_id": "a1",
    "created_at": "2023-01-09T10:05:00Z",
    "order_cost": "20.00",
    "shipping_cost": "5.00",
    "order_total": "25.00",
    "tracking_id": "",
    "shipping_service": "",
    "estimated_delivery_at": "",
    "delivered_at": "",
    "status": "preparing",
}
EVENT = {
    "event_id": "e1",
    "session_id": "s1",
    "user_id": "u1",
    "page_url": "https://greenery.example/product/p1",
    "created_at": "2023-01-09T10:00:00Z",
    "event_type": "page_view",
    "order_id": "",
    "product_id": "p1",
}


def small_shop() -> dict[str, list[dict]]:
    """Return the rows of a shop with one session that buys one plant, table by table."""
    steps = [
        dict(EVENT),
        {**EVENT, "event_id": "e2", "event_type": "add_to_cart", "created_at": "2023-01-09T10:02:00Z"},
        {
            **EVENT,
            "event_id": "e3",
            "event_type": "checkout",
            "created_at": "2023-01-09T10:05:00Z",
            "order_id": "o1",
            "product_id": "",
        },
    ]
    user = {
        "user_id": "u1",
        "first_name": "Åsa",
        "last_name": "O'Neil",
        "email": "asa@example.com",
        "phone_number": "555-0100",
        "created_at": "2022-12-01T00:00:00Z",
        "updated_at": "2022-12-01T00:00:00Z",
        "address_id": "a1",
    }
    address = {"address_id": "a1", "address": "1 Fern Street", "zipcode": "02134", "state": "MA", "country": "US"}
    return {
        "orders": [dict(ORDER)],
        "order_items": [{"order_id": "o1", "product_id": "p1", "quantity": "2"}],
        "events": steps,
        "users": [user],
        "addresses": [address],
        "products": [{"product_id": "p1", "name": "Fern", "price": "10.00", "inventory": "5"}],
        "promos": [{"promo_id": "spring", "discount": "2", "status": "active"}],
    }


def write_extract(folder: Path, tables: dict[str, list[dict]]) -> Path:
    """Write `tables` as the CSV files of an extract; a table without rows gets its header."""
    folder.mkdir(parents=True, exist_ok=True)
    for table in TABLES:
        rows = tables[table.name]
        names = list(rows[0]) if rows else [column.name for column in table.columns]
        with (folder / f"{table.name}.csv").open("w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, names)
            writer.writeheader()
            writer.writerows(rows)
    return folder


def pytest_configure(config):
    """Let no Airflow sleep long between two tasks; note which commit is proved, before it takes its time."""
    os.environ.setdefault("AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME", "0.05")
    if config.getoption("--hypothesis-profile") == "prove":
        proofs.commit()


def pytest_collection_modifyitems(items):
    """Put the files of FIRST before the others."""
    folder = Path(__file__).parent
    order = {folder / name: number for number, name in enumerate(FIRST)}
    items.sort(key=lambda item: order.get(item.path, len(order)))


def pytest_terminal_summary(terminalreporter, config):
    """Print what the random cases were; the long run of all of them writes its report."""
    proof_numbers.summarize(terminalreporter, write=config.getoption("--hypothesis-profile") == "prove")


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """Settings of an empty home with its own extracts folder."""
    return Settings(home=tmp_path / "home", extracts=tmp_path / "extracts")


@pytest.fixture
def as_of() -> datetime:
    """The as_of of the small shop's first extract."""
    return datetime(2023, 1, 11)


@pytest.fixture(scope="session")
def proves(request) -> bool:
    """Whether a proof tries everything, not the sample of `make test`."""
    return request.config.getoption("--hypothesis-profile") == "prove"


@pytest.fixture(scope="session")
def real_extracts() -> Path:
    """The folder of the real extracts; a test that needs it is skipped where there is none."""
    if not REAL_EXTRACTS.is_dir():
        pytest.skip(f"no real extracts at {REAL_EXTRACTS}: set GREENERY_REAL_EXTRACTS to their folder")
    return REAL_EXTRACTS


@pytest.fixture(scope="session")
def recording(tmp_path_factory) -> Recording:
    """What a dbt build executes, recorded once for all tests of a process."""
    from tests.properties.replay import record

    return record(tmp_path_factory.mktemp("recording"))


@pytest.fixture(scope="module")
def replays(recording) -> Iterator[None]:
    """The runs of a file build by replaying what dbt executes, which takes a quarter of dbt's time."""
    from tests import pipeline
    from tests.properties.replay import replayed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "build_with_dbt", replayed(recording))
        yield


@pytest.fixture(scope="session")
def warehouse(recording) -> Warehouse:
    """A warehouse in memory on which builds are replayed; clear it before use."""
    from tests.properties.replay import Warehouse

    return Warehouse(recording)
