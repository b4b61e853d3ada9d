"""JavaScript of the pages, run by the Node.js that Playwright brings along."""

from __future__ import annotations

import json
import subprocess

from playwright._impl._driver import compute_driver_executable


def run(script: str, *values: object) -> str:
    """Run a module, in which `values` is an array with these values, and return what it printed."""
    node, _ = compute_driver_executable()
    done = subprocess.run(
        [node, "--input-type=module", "-"],
        input=f"const values = {json.dumps(values)};\n{script}".encode(),
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()
