"""Every mail of the corpus, read and carried out: what becomes of it stands in expected.json."""

import json

import pytest

from cloud.adapters.mime import read
from cloud.invoicing.models import Invoice
from cloud.kernel.money import Money
from cloud.service.models import Mail, MailState
from cloud.service.offer import AssignmentState
from tests.cloud.service.mail_world import FINISHED, MAILS, OFFERED, World

EXPECTED = json.loads((MAILS / "expected.json").read_text(encoding="utf-8"))
UNTOUCHED = {"quarantined", "auto_reply", "bounce"}


def test_the_table_and_the_folder_name_the_same_mails():
    assert sorted(EXPECTED) == sorted(path.stem for path in MAILS.glob("*.eml"))
    assert len(EXPECTED) >= 60


@pytest.mark.rule("M-75")
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_mail_of_the_corpus_becomes_what_the_table_says(name):
    world, wanted = World(), EXPECTED[name]
    before = world.order()
    raw = (MAILS / f"{name}.eml").read_bytes()
    mail = read(raw)
    record = world.take(raw)
    assert [[one.word, one.code] for one in record.readings] == wanted["readings"]
    assert (record.state.value, record.thread) == (wanted["state"], wanted["thread"])
    assert record.matched_by == wanted["matched_by"]
    assert len(mail.unread) == wanted.get("unread", 0)
    assert [[one.name, one.kind.value] for one in mail.attachments] == wanted.get("attachments", [])
    for one in record.readings:
        assert one.is_done == (one.code == "")
    order = world.order()
    if wanted["state"] in UNTOUCHED or "bounced" in wanted:
        assert order == before
        assert world.letters_to("service@orig.example") == []
        assert world.letters_to("mallory@attacker.example") == []
    if "estimate" in wanted:
        cents = wanted["estimate"]
        taken = order.assignments[0]
        assert taken.state in {
            AssignmentState.ACCEPTED,
            AssignmentState.AWAITING_SPEND_APPROVAL,
        }
        assert taken.estimate == (None if cents is None else Money(cents))
    if wanted.get("taken") is False:
        assert order.assignments[0].state is AssignmentState.OFFERED
        assert order.assignments[0].acknowledged_at is not None
    invoices = world.records.find(Invoice, by="work_order_id", value=FINISHED)
    total = wanted.get("total")
    assert [one.record.content.total for one in invoices] == ([Money(total)] if total else [])


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_mail_that_comes_twice_does_nothing_twice(name):
    world = World()
    raw = (MAILS / f"{name}.eml").read_bytes()
    first = world.take(raw)
    order, letters = world.order(), dict(world.records.letters)
    again = world.take(raw, key="mail/in/2")
    assert again == first
    assert world.order() == order
    assert dict(world.records.letters) == letters


@pytest.mark.parametrize("name", sorted(name for name in EXPECTED if EXPECTED[name]["readings"]))
def test_every_outcome_is_answered_in_the_thread(name):
    world = World()
    record = world.take((MAILS / f"{name}.eml").read_bytes())
    answers = [one for one in world.letters_to(record.sender) if "was read" in one.text]
    assert len(answers) == 1
    assert answers[0].thread == record.thread
    assert f"[{record.thread}]" in answers[0].subject
    for one in record.readings:
        assert one.word in answers[0].text
        assert one.code in answers[0].text
    assert "\n" not in answers[0].subject


def test_the_record_tells_what_was_read_and_where_the_bytes_are():
    world = World()
    record = world.take((MAILS / "gmail-accept.eml").read_bytes())
    assert record.raw == "mail/in/1"
    assert world.records.load(Mail, record.id).record == record
    assert world.records.find(Mail, by="thread", value=OFFERED)
    found = world.records.find(Mail, by="state", value=MailState.FILED)
    assert [one.record.id for one in found] == [record.id]
    (filed,) = [one for one in world.records.history(OFFERED) if one.what == "mail_filed"]
    assert filed.causes == (record.id,)
