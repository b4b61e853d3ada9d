"""`make withdraw`: hold an admitted extract, publish without it, and name the weeks to run again."""

from __future__ import annotations

import argparse
import sys

from greenery import commands
from greenery.cli import backfill
from greenery.report import weeks as status
from greenery.settings import load


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0, 1 when the run failed or Airflow can't be used, or 2 when the input is wrong."""
    parser = argparse.ArgumentParser(prog="make withdraw", description="Take an admitted extract back.")
    parser.add_argument("--as-of", default="", metavar="DATE", help="the extract, by the day its week ends")
    parser.add_argument("--reason", default="", help="why; kept with the extract and shown on its page")
    options = parser.parse_args(arguments)

    def command() -> bool:
        if not options.as_of or not options.reason.strip():
            raise backfill.InputError("write `make withdraw AS_OF=2023-02-01 REASON='prices in cents'`.")
        backfill.check_reason("REASON", options.reason)
        settings, week = load(), backfill.parse_date("AS_OF", options.as_of)
        backfill.weeks_between(settings, week, week, names=("AS_OF", "AS_OF"))
        results = backfill.run_backfill(settings, week, week, {"withdraw": options.reason.strip()}, restate=False)
        backfill.print_results(results)
        if any(result.state != "success" for result in results):
            return False
        print(f"The extract {week} is withdrawn: it is held, and what is published does without it.")
        if outdated := status.outdated(settings):
            print("Published weeks whose report would differ now: " + ", ".join(map(str, outdated)))
            for line in commands.reruns(settings, outdated):
                print(f"Run them again: {line}")
        else:
            print("No other published report differs.")
        again = commands.backfill(settings, week, week)
        print(f"""To bring it back: {again} PARAMS='{{"reextract": true}}'""")
        return True

    return backfill.exit_code(command)


if __name__ == "__main__":
    sys.exit(main())
