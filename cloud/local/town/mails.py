"""Mails that come to the town: answers to offers, and some of which nobody knows what they want."""

import smtplib
from datetime import time
from email import message_from_bytes, policy
from email.message import EmailMessage

from cloud.local.town.making import Town, days_before_end, office
from cloud.service.models import WorkOrder, WorkOrderState

SERVICE = "service@mail.sunreeve.example"


def plan(town: Town) -> None:
    """Put the mails on the agenda."""
    town.at(office(days_before_end(5), time(12, 5)), _stranger)
    town.at(office(days_before_end(4), time(12, 5)), _without_thread)
    town.at(office(days_before_end(3), time(12, 5)), _answers)
    town.at(office(days_before_end(3), time(12, 40)), _forged)


def _post(town: Town, mail: EmailMessage, sender: str) -> None:
    with smtplib.SMTP("127.0.0.1", town.runtime.smtp_port, timeout=30) as door:
        door.send_message(mail, from_addr=sender)
    town.settle()


def _written(sender: str, subject: str, text: str, *, to: str = SERVICE) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, to, subject
    number = sum(map(ord, subject + text))
    mail["Message-ID"] = f"<{number}@{sender.partition('@')[2].rstrip('>')}>"
    mail.set_content(text)
    return mail


def _stranger(town: Town) -> None:
    """Let somebody write of whom nothing is known: it is put aside."""
    text = "Hello, we install panels too and would like to work for you. Whom do we call?"
    _post(town, _written("office@sunnyroofs.example", "Working together", text),
          "office@sunnyroofs.example")  # fmt: skip


def _without_thread(town: Town) -> None:
    """Let a partner write about a job without saying which."""
    text = "We are at the house and nobody opens. What shall we do?"
    _post(town, _written("service@alder.example", "Nobody at home", text), "service@alder.example")


def _forged(town: Town) -> None:
    """Let somebody write in a partner's name from elsewhere."""
    text = "ACCEPT estimate $450.00"
    mail = _written("service@alder.example", "Re: work order", text)
    _post(town, mail, "bulk@elsewhere.example")


def _answers(town: Town) -> None:
    """Let a partner answer by mail: once plainly, once so that nobody can read it."""
    found = town.records.find(WorkOrder, by="partner_id", value="P-ALDER")
    open_ = sorted((one.record for one in found if one.record.is_open), key=lambda one: one.id)
    offered = sorted(open_, key=lambda one: one.state is not WorkOrderState.OFFERED)
    threads = [(order, mail) for order in offered if (mail := _offer_of(town, order)) is not None]
    texts = ("Received, thanks", "ACCEPT estimat 4OO")
    for (order, offer), text in zip(threads, texts, strict=False):
        mail = EmailMessage()
        mail["From"] = "Alder Office <service@alder.example>"
        mail["To"] = str(offer["Reply-To"] or offer["From"])
        mail["Subject"] = f"Re: {offer['Subject']}"
        mail["Message-ID"] = f"<answer-{order.id}@alder.example>"
        mail["In-Reply-To"] = str(offer["Message-ID"])
        mail["References"] = f"{offer['References'] or ''} {offer['Message-ID']}".strip()
        mail.set_content(f"{text}\n")
        _post(town, mail, "service@alder.example")


def _offer_of(town: Town, order: WorkOrder) -> EmailMessage | None:
    """Give the mail that offered a work order, as its partner has it."""
    for path in reversed(town.runtime.mailbox.mails()):
        content = path.read_bytes()
        if order.id.encode() in content:
            mail = message_from_bytes(content, policy=policy.default)
            if "service@alder.example" in str(mail["To"]):
                return mail
    return None
