"""The Data Docs of Great Expectations for one week: the expectations and results of each suite.

They are built from the warehouse as it is now. Building them holds no extract and stores no result. The pages count
failing rows, but show none of their values: quality.html shows some, with the ids of persons masked. The pages load
nothing from the network.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from greenery.files import write_atomically
from greenery.messages import page
from greenery.quality import validation
from greenery.quality.suites import SUITES
from greenery.settings import Settings
from greenery.warehouse.access import connect_to_read, data_source
from greenery.warehouse.connection import Connection, has_table, rows

if TYPE_CHECKING:
    from great_expectations.data_context import EphemeralDataContext


class NotBuiltError(Exception):
    """The models in the warehouse do not contain the week, so there is nothing to validate."""


def build(home: Settings, as_of: datetime) -> Path:
    """Build the Data Docs of the week that ends at `as_of` (naive UTC); return the path of their first page.

    Raises NotBuiltError if the models do not contain the week, UnavailableError while a run has the warehouse open.
    """
    # Otherwise Great Expectations sends statistics about its use.
    os.environ["GX_ANALYTICS_ENABLED"] = "False"
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        FilesystemStoreBackendDefaults,
        ProgressBarsConfig,
    )

    folder = home.home / "data_docs" / f"{as_of:%Y-%m-%d}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config = DataContextConfig(
        store_backend_defaults=FilesystemStoreBackendDefaults(root_directory=folder),
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    context = gx.get_context(mode="ephemeral", project_config=config)
    with connect_to_read(home) as connection:
        statistics = _validate(context, connection, as_of)
    (address,) = context.build_data_docs().values()
    first = Path(url2pathname(urlsplit(address).path))
    _write_first_page(first, as_of, statistics)
    for path in first.parent.glob("*/**/*.html"):
        _make_offline(path)
    return first


def _write_first_page(first: Path, as_of: datetime, statistics: Mapping[str, Mapping[str, int]]) -> None:
    """Write the list of suites. It replaces the list of Great Expectations, which needs a script from the network."""
    site = first.parent
    suites = []
    for name, counts in statistics.items():
        (results,) = (site / "validations" / name).rglob("*.html")
        size, failing = counts["evaluated_expectations"], counts["unsuccessful_expectations"]
        address = results.relative_to(site).as_posix()
        suites.append(page.SuitePages(name, address, f"expectations/{name}.html", size, failing))
    write_atomically(first, page.render_data_docs(f"Data Docs of the week to {as_of:%Y-%m-%d}", suites=suites))


def _make_offline(path: Path) -> None:
    """Give a page the styles of our pages. They replace styles, scripts and pictures that come from the network."""
    text = path.read_text(encoding="utf-8")
    body = text.partition("<body>")[2].partition("</body>")[0]
    body = re.sub(r"<script\b.*?</script>|<img\b[^>]*>", "", body, flags=re.DOTALL)
    write_atomically(path, page.render_data_docs(path.stem, body))


def _validate(context: EphemeralDataContext, connection: Connection, as_of: datetime) -> dict[str, Mapping[str, int]]:
    """Validate all suites; return the statistics of each, by its name."""
    from great_expectations import ValidationDefinition

    query = "select as_of from intermediate.int_extract_pairs where as_of = $as_of"
    if not (has_table(connection, "intermediate", "int_extract_pairs") and rows(connection, query, {"as_of": as_of})):
        raise NotBuiltError(f"the week {as_of:%Y-%m-%d} is not in the models: run it first, with make backfill.")
    sessions = validation.make_base(connection, as_of)
    given = validation.parameters(connection, as_of)
    source = context.data_sources.add_sql("warehouse", **data_source(connection))
    statistics: dict[str, Mapping[str, int]] = {}
    for suite in SUITES:
        validation.make(connection, suite, as_of, sessions)
        asset = source.add_table_asset(name=suite.name, table_name=validation.table(suite))
        definition = ValidationDefinition(
            name=suite.name,
            data=asset.add_batch_definition_whole_table(suite.name),
            suite=context.suites.add(validation.expectation_suite(suite, suite.checks)),
        )
        done = context.validation_definitions.add(definition).run(
            expectation_parameters=given, result_format={**validation.COUNTS, "exclude_unexpected_values": True}
        )
        statistics[suite.name] = done.statistics
        connection.execute(f"drop table {validation.table(suite)}")
    return statistics
