"""A letter as a mail: it names its thread three times and says that a program sent it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cloud.adapters.mail import SesMail, as_mail
from cloud.adapters.memory import MemoryDocuments
from cloud.kernel.change import Letter
from cloud.kernel.errors import BadInput
from cloud.service.mail import thread_of_address, thread_of_id
from tests.cloud.service.mail_world import Signatures

NOW = datetime(2026, 6, 9, 14, 0, tzinfo=UTC)
LETTER = Letter("LTR-1", "a@b.example", "[WO-1] Hello", "Text", "WO-1", NOW)
FROM = "service@mail.sunreeve.example"


def made(letter=LETTER, signatures=None):
    return as_mail(
        letter, sender=FROM, sent_at=NOW, documents=MemoryDocuments(), signatures=signatures
    )


def test_a_letter_names_its_thread_for_every_program():
    mail = made(signatures=Signatures())
    assert thread_of_id(mail["References"]) == "WO-1"
    assert thread_of_address(mail["Reply-To"], signatures=Signatures()) == "WO-1"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Sunreeve-Letter"] == "LTR-1"


@pytest.mark.parametrize("thread", ["UTC-05.N35W079 x", "a@b", "x" * 60, ""])
def test_a_thread_that_fits_no_address_leaves_the_mailbox_as_it_is(thread):
    assert made(replace(LETTER, thread=thread), Signatures())["Reply-To"] == FROM


@pytest.mark.parametrize(
    "change", [{"to": "a@b\nBcc: c@d"}, {"subject": "x\r\nBcc: c@d"}, {"thread": "a\nBcc: x"}]
)
def test_nothing_can_be_put_into_a_header(change):
    with pytest.raises(BadInput, match="LTR-1"):
        made(replace(LETTER, **change))


class Ses:
    """Notes what it was asked to send."""

    def __init__(self) -> None:
        self.asked = []

    def send_email(self, **parameters):
        self.asked.append(parameters)
        return {"MessageId": "0100-1"}


@pytest.mark.parametrize("wanted", ["", "Events"])
def test_ses_is_told_the_letter_and_by_which_set_to_tell_of_it(wanted):
    ses = Ses()
    box = SesMail(ses, sender=FROM, documents=MemoryDocuments(), configuration_set=wanted)
    assert box.send(LETTER, NOW) == "0100-1"
    (asked,) = ses.asked
    assert asked["EmailTags"] == [{"Name": "letter", "Value": "LTR-1"}]
    assert asked.get("ConfigurationSetName", "") == wanted
