"""Play every case of delivery and write the table of them: `python -m tests.delivery.table docs/proofs/delivery.md`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.delivery.cases import CASES
from tests.delivery.world import world
from tests.proofs import commit

HEAD = """# Delivery

Each case was played against a Slack and a mail server on loopback that refuse what the real ones refuse
(`tests/servers`). Where it says killed, a real process was killed by SIGKILL at that point, and another one delivered
afterwards. A case fails unless readers have the digest once. Written by `make prove-delivery` at commit `{commit}`.

| channel | case | what the server saw |
|---|---|---|
"""


def main() -> None:
    """Play the cases and write the table."""
    rows = []
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder, world(Path(folder)) as made:
            saw = case.play(made).replace("|", "\\|")
        rows.append(f"| {case.channel} | {case.name} | {saw} |")
        print(f"{case.channel}: {case.name}: {saw}", flush=True)
    Path(sys.argv[1]).write_text(HEAD.format(commit=commit()) + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
