"""What people read, laid out by a browser: on a phone and on a desk, light and dark."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from greenery.messages import mail_message, page, slack_message, slack_page

from tests.unit import summaries
from tests.unit.digests import CORRECTION, DIGESTS
from tests.unit.test_report_page import WEEKS

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WIDTHS = (360, 390, 1280)
# What WCAG asks of small text.
CONTRAST = 4.5


def missing() -> str:
    """Return what the machine lacks to lay a page out as a reader's device does; empty where it lacks nothing."""
    if CHROMIUM is None:
        return "no chromium on the PATH: apt-get install chromium fonts-liberation"
    # Without it the browser takes DejaVu, which is a sixth wider than the fonts of phones and desks.
    arial = subprocess.run(["fc-match", "Arial"], capture_output=True, text=True, check=False).stdout
    return "" if re.search("Liberation|Arial", arial) else "no font as wide as Arial: apt-get install fonts-liberation"


pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

# Lays each document out in a frame of its own and writes down what is wrong with it. A table that can't be narrower
# scrolls within its own region; nothing else may reach beyond the edge or hide a part of itself.
MEASURE = """
const seen = [];
const luminance = color => color.map(value => {
  const share = value / 255;
  return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
}).reduce((sum, value, place) => sum + value * [0.2126, 0.7152, 0.0722][place], 0);
const numbers = color => color.match(/[\\d.]+/g).map(Number);
function contrast(element, view) {
  const ink = numbers(view.getComputedStyle(element).color).slice(0, 3);
  let paper = null;
  for (let at = element; at && !paper; at = at.parentElement) {
    const color = numbers(view.getComputedStyle(at).backgroundColor);
    if (color.length < 4 || color[3] > 0) paper = color.slice(0, 3);
  }
  const [low, high] = [luminance(ink), luminance(paper || DEFAULT_PAPER)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}
function measure(frame) {
  const view = frame.contentWindow, root = frame.contentDocument.documentElement;
  const width = frame.clientWidth, problems = [];
  for (const details of frame.contentDocument.querySelectorAll("details")) details.open = true;
  if (root.scrollWidth > width) problems.push(`the page is ${root.scrollWidth} wide`);
  for (const element of frame.contentDocument.body.querySelectorAll("*")) {
    const box = element.getBoundingClientRect(), style = view.getComputedStyle(element);
    const text = [...element.childNodes].filter(node => node.nodeType === 3).map(node => node.data.trim()).join("");
    if (!box.width || style.display === "none" || element.closest("svg, div[style*='display:none']")) continue;
    const name = `${element.tagName} ${element.className} ${(text || element.textContent).trim().slice(0, 40)}`;
    const scrolls = element.closest(".scroll");
    if (!scrolls && (box.right > width + 1 || box.left < -1)) problems.push(`beyond the edge: ${name}`);
    if (style.overflowX === "hidden" && element.scrollWidth > element.clientWidth) problems.push(`cut: ${name}`);
    if (element.classList.contains("scroll") && element.scrollWidth > element.clientWidth + 1)
      problems.push(`has to be scrolled: ${element.getAttribute("aria-label")}`);
    if (text.length > 20 && style.display !== "inline" && element.clientWidth < 48) problems.push(`squeezed: ${name}`);
    const ratio = text ? contrast(element, view) : CONTRAST;
    if (ratio < CONTRAST) problems.push(`faint (${ratio.toFixed(1)}): ${name}`);
  }
  const scheme = view.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  return [frame.title, frame.clientWidth, scheme, problems];
}
addEventListener("load", () => {
  document.body.dataset.measured = JSON.stringify([...document.querySelectorAll("iframe")].map(measure));
});
"""

RESTATED = page.render(summaries.NORMAL, summaries.WARNED, {"All weeks": "../index.html"}, summaries.RESTATEMENT)
DOCUMENTS = {
    **{f"mail, {week}": mail_message.render(found).html for week, found in DIGESTS.items()},
    "mail, correction": mail_message.render(DIGESTS["restated"], CORRECTION).html,
    **{f"slack, {week}": slack_page.render(slack_message.render(found)) for week, found in DIGESTS.items()},
    **{
        f"page, {week}": page.render(figures, summaries.PASSED, {"All weeks": "../index.html"})
        for week, figures in {**summaries.EVERY_SUMMARY, "hostile": summaries.HOSTILE}.items()
    },
    "page, restated": RESTATED,
    "page, all weeks": page.render_index(WEEKS),
    "page, quality": page.render_quality(summaries.HELD, {"sessions_unique": ("look here", "do this")}),
    "page, quality passed": page.render_quality(summaries.PASSED, {}),
    "page, held": page.render(None, summaries.HELD, {}, held_because="sessions_unique: 12 ids twice"),
}
# The tables of figures of eleven digits scroll.
SCROLLS = {"page, huge"}


def measured(folder: Path, dark: bool) -> list:
    """Return title, width, colour scheme and problems of each document at each width, as the browser lays them out."""
    frames = "".join(
        f'<iframe title="{title}" style="border:0;height:800px;width:{width}px;color-scheme:'
        f'{"dark" if dark else "light"}" srcdoc="{html.escape(document)}"></iframe>'
        for title, document in DOCUMENTS.items()
        for width in WIDTHS
    )
    paper = "[20, 24, 22]" if dark else "[255, 255, 255]"
    script = f"const CONTRAST = {CONTRAST}, DEFAULT_PAPER = {paper};{MEASURE}"
    wrapper = folder / "frames.html"
    wrapper.write_text(f"<!doctype html><meta charset=utf-8><script>{script}</script><body>{frames}", encoding="utf-8")
    output = subprocess.run(
        [
            str(CHROMIUM),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--blink-settings=preferredColorScheme={0 if dark else 1}",
            f"--user-data-dir={folder / 'profile'}",
            "--virtual-time-budget=20000",
            "--dump-dom",
            f"file://{wrapper}",
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    ).stdout
    found = re.search(r'data-measured="([^"]*)"', output)
    assert found, output[:500]
    return json.loads(html.unescape(found[1]))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_or_faint(tmp_path, scheme):
    results = measured(tmp_path, dark=scheme == "dark")
    assert len(results) == len(DOCUMENTS) * len(WIDTHS)
    assert {shown for _, _, shown, _ in results} == {scheme}
    wrong = [
        (title, width, problem)
        for title, width, _, problems in results
        for problem in problems
        if not (title in SCROLLS and problem.startswith("has to be scrolled"))
    ]
    assert wrong == []


def test_what_is_cut_or_faint_would_be_found(tmp_path, monkeypatch):
    bad = (
        '<body><p style="width:600px">wide</p><p style="color:#999;background:#fff">faint</p>'
        '<p style="width:40px;overflow:hidden;white-space:nowrap">much too long</p>'
        '<details><p style="width:20px;overflow-wrap:anywhere">A letter or two stand in each line.</p></details>'
    )
    monkeypatch.setitem(globals(), "DOCUMENTS", {"bad": bad})
    (*_, problems), *_ = measured(tmp_path, dark=False)
    assert {problem.partition(":")[0].partition(" (")[0] for problem in problems} == {
        "the page is 608 wide",
        "beyond the edge",
        "faint",
        "cut",
        "squeezed",
    }
