"""`make bench`: all benchmarks, one module each; writes docs/benchmarks.md and docs/growth.md."""

from __future__ import annotations

import os
import platform

from greenery.settings import REPOSITORY

from tests.bench import funnel_page, growth, large_shop, quality, weekly_run

PAGE = REPOSITORY / "docs" / "benchmarks.md"
SECTIONS = (weekly_run.section, quality.section, funnel_page.section, large_shop.section)

if __name__ == "__main__":
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    intro = (
        f"# Benchmarks\n\n`make bench` writes this page and [growth](growth.md). It ran on {machine}. "
        "Nothing else should run\n"
        "meanwhile. [Decision 12](decisions/12-airflow-and-cosmos.md) says why the weekly run is built as it is.\n"
    )
    parts = [intro]
    for section in SECTIONS:
        # Written after each: what broke off keeps what was measured before.
        parts.append(section())
        PAGE.write_text("\n".join(parts), encoding="utf-8")
    print(f"Written to {PAGE}")
    growth.main()
