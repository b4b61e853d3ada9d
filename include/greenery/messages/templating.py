"""The environment of all templates. Values are escaped for HTML, and a missing name is an error."""

from __future__ import annotations

import base64
import hashlib

from jinja2 import Environment, PackageLoader, StrictUndefined

from greenery.messages import wording

# Airflow stores in the browser whether its user chose light or dark colours. A page that Airflow serves does the same.
THEME_SCRIPT = """
(() => {
  const follow = () => {
    try {
      const theme = localStorage.getItem("theme");
      document.documentElement.style.colorScheme = ["dark", "light"].includes(theme) ? theme : "";
    } catch {}  // a file has no storage in some browsers
  };
  follow();
  addEventListener("storage", follow);
})();
"""
# A page may load and run only its own style, pictures beside it or in it, and this one script.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; script-src "
    f"'sha256-{base64.b64encode(hashlib.sha256(THEME_SCRIPT.encode()).digest()).decode()}'"
)

environment = Environment(
    loader=PackageLoader("greenery.messages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
environment.filters |= {
    "number": wording.count,
    "signed": wording.signed,
    "percent": wording.percent,
    "percent_between": wording.percent_between,
    "signed_percent": wording.signed_percent,
    "points": wording.points,
    "duration": wording.duration,
    "days": wording.days,
    "plain": wording.plain,
    "day": wording.day,
    "date": wording.date,
}
environment.globals |= {"theme_script": THEME_SCRIPT, "policy": POLICY}
