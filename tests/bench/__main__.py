"""`make bench`: all benchmarks, one module each; writes docs/benchmarks.md and docs/growth.md."""

from __future__ import annotations

import os
import platform

from greenery.settings import REPOSITORY

from tests.bench import funnel_page, growth, quality, weekly_run

PAGE = REPOSITORY / "docs" / "benchmarks.md"
SECTIONS = (weekly_run.section, quality.section, funnel_page.section)

if __name__ == "__main__":
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    parts = [f"# Benchmarks\n\nWritten by `make bench` ({machine}). [growth.md](growth.md) is another page.\n"]
    PAGE.write_text("\n".join([*parts, *(section() for section in SECTIONS)]), encoding="utf-8")
    print(f"Written to {PAGE}")
    growth.main()
