"""Mail through the whole stack: over SMTP in, through the store and the bus, and answered."""

import smtplib
from datetime import timedelta
from email import message_from_bytes, policy

import pytest

from cloud.kernel.change import Change, Letter
from cloud.local.mailbox import BOUNCING
from cloud.service.models import Mail, MailState, PostHour, Task, WorkOrderState
from cloud.service.process.sending import decide_post, outgoing_id
from tests.cloud.functions.conftest import TEMPLATE
from tests.cloud.functions.rights import not_allowed, watched


@pytest.fixture
def stack(world):
    world.runtime.start()
    return world


def sent(world, to=None, about=""):
    found = []
    for path in world.runtime.mailbox.mails():
        mail = message_from_bytes(path.read_bytes(), policy=policy.default)
        if (to is None or mail["To"] == to) and about in str(mail["Subject"]):
            found.append(mail)
    return found


def reply(world, to_mail, body, *, sender, envelope=None, to=None, drop=()):
    """Answer a mail as a mail program does, over SMTP."""
    headers = {
        "From": sender,
        "To": to or str(to_mail["Reply-To"]),
        "Subject": f"Re: {to_mail['Subject']}",
        "Message-ID": f"<{abs(hash(body))}@partner.example>",
        "In-Reply-To": str(to_mail["Message-ID"]),
        "References": f"{to_mail['References']} {to_mail['Message-ID']}",
    }
    text = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if name not in drop)
    with smtplib.SMTP("127.0.0.1", world.runtime.smtp_port, timeout=10) as client:
        client.sendmail(envelope or sender, [headers["To"]], f"{text}\r\n{body}\r\n")
    world.runtime.run_due()


def offer_of(world, home):
    order = world.offered(home)
    (mail,) = sent(world, about=f"[{order.id}] Service request")
    return order, mail


def test_a_partner_accepts_by_mail_and_is_answered_in_the_thread(stack):
    asked = watched(stack.runtime)
    home = stack.new_home()
    order, mail = offer_of(stack, home)
    assert order.assignments[0].delivered_at == stack.now
    assert "ACCEPT estimate" in mail.get_content()
    assert mail["Auto-Submitted"] == "auto-generated"
    reply(stack, mail, "ACCEPT estimate $450", sender=home.partners[0].service_email)
    (after,) = stack.orders(home)
    assert after.state is WorkOrderState.ACCEPTED
    assert after.assignments[0].estimate.cents == 450_00
    (answer,) = sent(stack, home.partners[0].service_email, "Re: Re: ")
    assert "ACCEPT: done" in answer.get_content()
    assert str(mail["References"]) in str(answer["References"])
    (record,) = [
        one.record
        for one in stack.records.find(Mail, by="thread", value=order.id)
        if not one.record.is_ours
    ]
    assert record.state is MailState.FILED
    assert stack.runtime.buckets.call(
        "HeadObject", {"Bucket": "DocumentsBucket", "Key": record.raw}
    )
    assert not_allowed(asked, TEMPLATE.read_bytes()) == []


@pytest.mark.parametrize(
    "drop",
    [("In-Reply-To", "References"), ("References",), ("In-Reply-To", "References", "Subject")],
)
def test_a_program_that_breaks_the_thread_breaks_nothing(stack, drop):
    home = stack.new_home()
    _, mail = offer_of(stack, home)
    reply(stack, mail, "ACCEPT 0", sender=home.partners[0].service_email, drop=drop)
    assert stack.orders(home)[0].state is WorkOrderState.ACCEPTED


def test_a_stranger_in_a_partners_name_changes_nothing_and_is_not_answered(stack):
    home = stack.new_home()
    order, mail = offer_of(stack, home)
    before = len(sent(stack, home.partners[0].service_email))
    reply(
        stack, mail, "DECLINE no", sender=home.partners[0].service_email, envelope="m@attacker.test"
    )
    assert stack.orders(home)[0] == order
    assert len(sent(stack, home.partners[0].service_email)) == before
    (aside,) = stack.records.find(Mail, by="state", value=MailState.QUARANTINED)
    assert aside.record.thread == order.id


@pytest.mark.rule("S-20")
def test_a_letter_that_bounces_starts_no_clock(stack):
    home = stack.new_home()
    folder = stack.runtime.folder / "mail"
    (folder / BOUNCING).write_text(home.partners[0].service_email + "\n")
    order = stack.offered(home)
    current = order.assignments[0]
    assert current.delivered_at is None
    assert (current.bounced_at is not None, order.task) == (True, Task.CORRECT_CONTACT)
    mail = stack.records.load(Mail, outgoing_id(current.letter_id)).record
    assert mail.state is MailState.RETURNED


def test_an_event_of_a_letter_that_is_unknown_comes_back_and_harms_no_other(stack):
    def told(letter_id):
        return {
            "source": "aws.ses",
            "time": "2026-06-08T15:00:00Z",
            "detail": {
                "eventType": "Delivery",
                "mail": {"messageId": "x", "tags": {"letter": [letter_id]}},
                "delivery": {"timestamp": "2026-06-08T15:00:00.000Z"},
            },
        }

    home = stack.new_home()
    order = stack.offered(home)
    answer = stack.deliver(
        "ReadMailFunction", told("LTR-NONE"), told(order.assignments[0].letter_id), "{"
    )
    failed = [one["itemIdentifier"] for one in answer["batchItemFailures"]]
    assert failed == ["m-0", "m-2"]


def test_a_mail_without_sense_is_taken_in_as_well(stack):
    with smtplib.SMTP("127.0.0.1", stack.runtime.smtp_port, timeout=10) as client:
        client.sendmail("x@y.example", ["service@mail.sunreeve.example"], b"\xff\x00\r\n\r\n\x80")
    stack.runtime.run_due()
    assert len(stack.records.find(Mail, by="state", value=MailState.QUARANTINED)) == 1


def test_letters_beyond_number_wait_for_a_person(stack):
    now = stack.now
    hour = f"{now:%Y-%m-%dT%H}"
    stack.save(PostHour(hour, 200))
    letters = tuple(
        Letter(f"LTR-{number:010}", "c@home.example", "s", "t", "CASE-9", now)
        for number in range(3)
    )
    stack.records.commit(Change(letters=letters))
    stack.runtime.run_due()
    assert sent(stack, "c@home.example") == []
    (asked,) = sent(stack, "operations@owner.example")
    assert "held" in str(asked["Subject"])
    decide_post(stack.records, is_released=True, at=stack.now, by="ann")
    stack.runtime.clock.move_to(stack.now + timedelta(hours=2))
    stack.runtime.run_due()
    assert len(sent(stack, "c@home.example")) == 3
