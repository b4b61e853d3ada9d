"""Build the Data Docs of Great Expectations for one week."""

from __future__ import annotations

import argparse
import sys

import duckdb

from greenery import settings
from greenery.cli import preview
from greenery.quality import data_docs
from greenery.report.writing import NoReportError
from greenery.settings import SettingError


def main() -> int:
    """Build the Data Docs of a week and print where they are; return 1 where there is nothing to build them from."""
    parser = argparse.ArgumentParser(prog="make data-docs", description=__doc__)
    parser.add_argument("--as-of", default="", help="the day on which the week ends; the newest one without it")
    text = parser.parse_args().as_of
    try:
        home = settings.load()
        as_of = preview.week(home, text)
        page = data_docs.build(home, as_of)
    except (SettingError, NoReportError, data_docs.NotBuiltError, duckdb.IOException) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"The Data Docs of the week to {as_of:%Y-%m-%d}: {page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
