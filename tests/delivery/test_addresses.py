"""Addresses beyond ASCII, on a mail server that takes ASCII only."""

from __future__ import annotations

from email.utils import parseaddr

import pytest
from greenery.channels.channel import EMAIL, in_ascii, readiness
from greenery.channels.errors import PermanentError

from tests.program import greenery


def test_names_and_domains_may_have_any_letters(made):
    made.set(
        GREENERY_EMAIL_TO="Jörg Müller <joerg@shop.example>, Zoë <zoe@Bücher.example>, ada@shop.example",
        GREENERY_EMAIL_FROM="Grüne Woche <weekly@straße.example>",
    )
    made.smtp.refused["zoe@xn--bcher-kva.example"] = ["450 4.2.0 greylisted"]
    assert readiness(made.settings, EMAIL).wrong == ""
    made.deliver("email")
    first, second = made.smtp.mails
    assert first.to == ["joerg@shop.example", "ada@shop.example"]
    assert second.to == ["zoe@xn--bcher-kva.example"]
    assert [(one.display_name, one.addr_spec) for one in first.message["To"].addresses] == [
        ("Jörg Müller", "joerg@shop.example"),
        ("Zoë", "zoe@xn--bcher-kva.example"),
        ("", "ada@shop.example"),
    ]
    (sender,) = first.message["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("Grüne Woche", "weekly@xn--strae-oqa.example")
    assert first.message["Message-ID"].endswith("@xn--strae-oqa.example>")
    assert not made.owed("email")


@pytest.mark.parametrize("setting", ["GREENERY_EMAIL_TO", "GREENERY_EMAIL_FROM"])
@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("jörg@shop.example", "has letters before the @ that only a server with SMTPUTF8 takes"),
        ("ada@-ü-.example", "is no domain"),
    ],
)
def test_another_address_is_refused_and_the_doctor_says_so(made, capsys, setting, address, why):
    made.set(**{setting: address})
    made.settings.extracts.mkdir()
    assert greenery("doctor") == 1
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("FIX  email ")]
    assert f"{setting}: " in line
    assert address in line
    assert why in line
    with pytest.raises(PermanentError, match="email can't be used"):
        made.deliver("email")
    assert made.smtp.mails == []


@pytest.mark.parametrize("address", ["ada@shop.example", "Ada <ada@shop.example>", "Ädä <ada@shop.example>"])
def test_an_address_in_ascii_stays_as_it_is_written(address):
    assert in_ascii(address) == address
    assert parseaddr(address)[1] == "ada@shop.example"
