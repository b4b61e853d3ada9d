"""The pages for people: their links lead somewhere, and the README stays short."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from greenery.settings import REPOSITORY

PAGES = sorted([REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md")])
README_LINES = 150


def links(page: Path) -> list[str]:
    """The targets of a page's links and pictures, but for those to other sites; code is no text."""
    text = re.sub(
        r"```.*?```|`[^`\n]*`", lambda code: "" if code[0].startswith("```") else "code", page_text(page), flags=re.S
    )
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"[a-z]+:", target)]


def anchors(page: Path) -> set[str]:
    """The anchors of a page: those that it sets, and those that GitHub makes of its headings."""
    text = page_text(page)
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.S), flags=re.M)
    return {anchor_of(heading) for heading in headings} | set(re.findall(r'<a id="([^"]+)"', text))


def anchor_of(heading: str) -> str:
    """The anchor of a heading: lower case, spaces as hyphens, signs left out."""
    signs = "".join(sign for sign in heading.lower() if sign in " -_" or unicodedata.category(sign)[0] in "LN")
    return signs.replace(" ", "-")


def page_text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def broken(page: Path) -> list[str]:
    found = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_link_leads_somewhere(page):
    assert broken(page) == []


def test_a_broken_link_is_found(tmp_path):
    (tmp_path / "other.md").write_text("# Two words, and `code`\n<a id='x'></a><a id=\"set\"></a>\n", encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text(
        "# Here\n[a](other.md#two-words-and-code) [b](other.md#set) [c](#here) [`d`](other.md) [e](https://example.com)\n"
        "[f](gone.md) [g](other.md#gone) [h](#gone) ![i](gone.png) `[j](code.md)`\n```\n[k](code.md)\n```\n",
        encoding="utf-8",
    )
    assert broken(page) == ["gone.md", "other.md#gone", "#gone", "gone.png"]


def test_every_decision_is_in_the_list_of_decisions():
    folder = REPOSITORY / "docs" / "decisions"
    assert sorted(set(links(folder / "README.md")) - {"../definitions.md"}) == sorted(
        page.name for page in folder.glob("[0-9]*.md")
    )


def test_every_decision_has_the_same_four_parts():
    for page in (REPOSITORY / "docs" / "decisions").glob("[0-9]*.md"):
        parts = re.findall(r"^## (.+)$", page_text(page), flags=re.M)
        assert parts == ["Context", "Decision", "Alternatives", "Consequences"], page.name


def test_every_page_is_reachable_from_the_readme():
    seen, todo = set(), [REPOSITORY / "README.md"]
    while todo:
        page = todo.pop()
        seen.add(page)
        targets = {(page.parent / link.partition("#")[0]).resolve() for link in links(page) if not link.startswith("#")}
        todo += [target for target in targets - seen - set(todo) if target.suffix == ".md"]
    assert set(PAGES) - seen == set()


def test_the_readme_is_short():
    assert len(page_text(REPOSITORY / "README.md").splitlines()) < README_LINES
