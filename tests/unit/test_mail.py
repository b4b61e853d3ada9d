"""The mail of a digest: its parts, and what must not escape from them."""

import email
import email.policy
import html
import re
from html.parser import HTMLParser

import pytest
from greenery.messages import correction, mail_message
from greenery.messages.digest_parts import Links
from greenery.messages.message import MailMessage

from tests.unit import summaries
from tests.unit.digests import CORRECTION, DIGESTS, build

VOID = {"meta", "img", "br", "hr", "input"}
# Gmail cuts what is longer.
GMAIL_CLIPS_AT = 102_000


class _Html(HTMLParser):
    """Tags and attributes; fails where an element is not closed."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags = [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(params=DIGESTS)
def found(request):
    return DIGESTS[request.param]


def test_parts_are_text_html_picture_and_orders():
    mime = email.message_from_bytes(
        mail_message.to_mime(mail_message.render(DIGESTS["normal"])).as_bytes(), policy=email.policy.default
    )
    assert [(part.get_content_type(), part.get_filename()) for part in mime.walk() if not part.is_multipart()] == [
        ("text/plain", None),
        ("text/html", None),
        ("image/png", "funnel.png"),
        ("text/csv", "order_changes.csv"),
    ]
    assert [part.get_content_type() for part in mime.walk() if part.is_multipart()] == [
        "multipart/mixed",
        "multipart/alternative",
        "multipart/related",
    ]
    image = next(part for part in mime.walk() if part.get_content_type() == "image/png")
    assert (image["Content-ID"], image.get_content_disposition()) == ("<funnel.png>", "inline")
    assert mime["List-Id"] == "Greenery weekly <weekly.greenery>"
    assert 'src="cid:funnel.png"' in mime.get_body(("html",)).get_content()


def test_nothing_to_draw_and_no_order_changed():
    message = mail_message.render(DIGESTS["zero"])
    assert (message.inline, message.attachments) == ((), ())
    assert "cid:" not in message.html
    assert mail_message.to_mime(message).get_content_type() == "multipart/alternative"


def test_explains_no_term(found):
    """Definitions stand on the page of the week, which every mail links."""
    message = mail_message.render(found)
    words = html.unescape(re.sub("<[^>]+>", " ", message.html))
    assert found.definitions
    for _, meaning in found.definitions:
        assert meaning not in message.text
        assert meaning not in words


def test_text_of_an_ordinary_week_is_short():
    """It has 76 lines; four more are left for what an ordinary week may add."""
    assert len(mail_message.render(DIGESTS["normal"]).text.splitlines()) <= 80


def test_subject_has_the_verdict():
    assert mail_message.render(DIGESTS["empty"]).subject == (
        "Greenery weekly: week to 1 Feb 2023: No session started this week; of all 578 so far, 62.5% checked out"
    )


class TestCorrection:
    def test_says_what_changed_before_all_figures(self):
        message = mail_message.render(DIGESTS["restated"], CORRECTION)
        assert message.subject.startswith("Correction: Greenery weekly: week to 1 Feb 2023: 62.5%")
        assert message.text.index("This corrects the mail sent before.") < message.text.index("Funnel")
        assert "- This week: sessions: 570 → 578\n" in message.text
        assert message.html.index("This week: sessions") < message.html.index(">Funnel</h2>")
        assert message.text.count("This week: sessions") == 1

    def test_with_the_same_figures_says_what_else_is_new(self):
        warned = DIGESTS["warned"]
        text = mail_message.render(warned, correction.correction_of(warned, DIGESTS["normal"].content)).text
        assert "This replaces the mail sent before. The figures are unchanged. Data quality: 1 of 3 checks" in text
        assert "Restated" not in text

    def test_a_first_mail_of_restated_figures_is_none(self):
        message = mail_message.render(DIGESTS["restated"])
        assert not message.subject.startswith("Correction")
        assert "corrects the mail" not in message.text
        assert message.text.index("Restated\n--------") > message.text.index("Orders\n------")


class TestHtml:
    def test_is_closed_and_loads_nothing(self, found):
        html = mail_message.render(found).html
        tags = _Html(html).tags
        assert not {tag for tag, _ in tags} & {"script", "link", "iframe", "object", "svg", "form"}
        assert not [name for _, attributes in tags for name in attributes if name.startswith("on")]
        assert {attributes["src"] for tag, attributes in tags if tag == "img"} <= {"cid:funnel.png"}
        assert "url(" not in html
        assert all(attributes["href"].startswith("https://") for tag, attributes in tags if tag == "a")

    def test_is_short_enough_for_gmail(self, found):
        assert len(mail_message.render(found).html.encode()) < GMAIL_CLIPS_AT

    def test_layout_is_tables_with_styles_of_their_own(self, found):
        for tag, attributes in _Html(mail_message.render(found).html).tags:
            assert tag not in ("section", "main", "header", "dl", "figure")
            style = attributes.get("style", "")
            assert not re.search(r"flex|grid|position|float|var\(|calc\(", style)
            if tag in ("p", "h1", "h2", "td", "th", "span") and "class" in attributes:
                assert "font-family:" in style
                assert "color:#" in style

    def test_tables_of_figures_are_tables_with_named_rows(self, found):
        tags = _Html(mail_message.render(found).html).tags
        layout = [attributes.get("role") == "presentation" for tag, attributes in tags if tag == "table"]
        place = [number for number, (tag, _) in enumerate(tags) if tag == "table"]
        for number, is_layout in enumerate(layout):
            end = place[number + 1] if number + 1 < len(place) else len(tags)
            scopes = {attributes["scope"] for tag, attributes in tags[place[number] : end] if tag == "th"}
            assert not scopes if is_layout else "row" in scopes

    def test_more_than_noise_is_said_in_words(self):
        weeks = summaries.week(0, 578, 467, 361, 335), summaries.week(1, 560, 450, 242, 230)
        html = mail_message.render(build(summaries.build(*weeks), summaries.PASSED, None, Links())).html
        assert html.count(">more than noise</span>") == 2

    def test_picture_says_its_numbers(self):
        (image,) = [
            attributes for tag, attributes in _Html(mail_message.render(DIGESTS["normal"]).html).tags if tag == "img"
        ]
        assert "checkout 361 (62.5%)" in image["alt"]

    def test_dark_mode_has_colours_for_every_class(self, found):
        html = mail_message.render(found).html
        used = {name for _, attributes in _Html(html).tags for name in attributes.get("class", "").split()}
        style = html[html.index("@media (prefers-color-scheme: dark)") : html.index("</style>")]
        assert used <= set(re.findall(r"\.(\w+) \{", style))


class TestHostileText:
    MESSAGE = mail_message.render(DIGESTS["hostile"])

    def test_is_escaped_in_html(self):
        assert "<script" not in self.MESSAGE.html
        assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#34;&#39;&gt;" in self.MESSAGE.html
        assert "\u202e" not in self.MESSAGE.html + self.MESSAGE.text

    def test_adds_no_header(self):
        message = MailMessage(mail_message.wording.plain(f"Greenery {summaries.LINES}", 200), "text", "<p>html</p>")
        mime = email.message_from_bytes(mail_message.to_mime(message).as_bytes(), policy=email.policy.default)
        assert mime["Bcc"] is None
        assert mime["Subject"] == "Greenery two Bcc: everyone@example.com"

    def test_survives_the_way_through_a_mail(self):
        mime = email.message_from_bytes(mail_message.to_mime(self.MESSAGE).as_bytes(), policy=email.policy.default)
        text = mime.get_body(("plain",)).get_content()
        assert summaries.EMOJI in text
        assert f"- Product {summaries.MARKUP}: 46.2% → 67.9%" in text.replace("\r\n", "\n")
        assert max(len(line) for line in mail_message.to_mime(self.MESSAGE).as_bytes().splitlines()) < 998
