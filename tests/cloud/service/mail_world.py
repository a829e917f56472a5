"""Partners with work orders in every state, a coordinator and a customer, who all write mails."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from cloud.adapters.inspection import FileInspector
from cloud.adapters.memory import MemoryDocuments, MemoryRecords
from cloud.adapters.mime import read
from cloud.adapters.mime_papers import texts_of
from cloud.adapters.upload_desk import MemoryUploadDesk
from cloud.functions.read_mail.desks import DESKS
from cloud.kernel.change import Change, Save
from cloud.kernel.money import Money
from cloud.service import process
from cloud.service.mail import ArrivedMail
from cloud.service.models import (
    Case,
    Coordinator,
    Mail,
    MailState,
    Report,
    WorkOrder,
    WorkOrderState,
)
from cloud.service.process.mailroom import Mailroom, Parcel, take_in
from cloud.service.process.sending import outgoing_id
from cloud.service.report import Condition, VisitReport
from cloud.service.uploads import Outside
from tests.cloud.service.test_service_process import FINDING, SITE, partner

MONDAY = datetime(2026, 6, 8, 13, 0, tzinfo=UTC)
TUESDAY = datetime(2026, 6, 9, 14, 0, tzinfo=UTC)
LETTER = "LTR-SUNNY00001"
SES_ID = "0100018fa2b3c4d5-11111111-2222-3333-4444-555555555555-000000"
MAILS = Path(__file__).parents[2] / "data" / "mails"
OFFERED, SECOND, ANOTHERS = "WO-SUNNY00001", "WO-SUNNY00002", "WO-SUNNY00009"
WORKING, SPENDING, FINISHED = "WO-WORKS00001", "WO-SPEND00001", "WO-DONE000001"
CASE = "CASE-SUNNY0001"


class Signatures:
    """A key that everybody can see through."""

    def of(self, text: bytes) -> bytes:
        return bytes((sum(text) * 7 + place * 31) % 256 for place in range(32))

    def is_of(self, text: bytes, signature: bytes) -> bool:
        return len(signature) >= 5 and self.of(text).startswith(signature)


@dataclass
class World:
    """The mailroom and everything that it reads and writes."""

    records: MemoryRecords = field(default_factory=MemoryRecords)
    documents: MemoryDocuments = field(default_factory=MemoryDocuments)

    def __post_init__(self) -> None:
        self.desk = MemoryUploadDesk(self.documents)
        outside = Outside(self.desk, self.documents, FileInspector())
        self.room = Mailroom(self.records, outside, Signatures(), DESKS)
        people = [
            SITE,
            Coordinator("spc_1", "Sam", "spc@owner.example"),
            partner("orig"),
            partner("other"),
        ]
        self.save(*people)
        for number, who in ((OFFERED, "orig"), (SECOND, "orig"), (ANOTHERS, "other")):
            self.save(self.offered(number, who))
        for number in (WORKING, SPENDING, FINISHED):
            self.save(self.offered(number, "orig"))
        self.accept(WORKING, None)
        self.accept(SPENDING, Money(900_00))
        self.accept(FINISHED, None)
        self.finish()
        letter = Mail(
            outgoing_id(LETTER),
            MailState.DELIVERED,
            OFFERED,
            is_ours=True,
            sender="",
            recipient="service@orig.example",
            subject="[WO-SUNNY00001] Service request",
            at=MONDAY,
            message_id=SES_ID,
            letter_id=LETTER,
        )
        self.save(letter)
        self.records.letters.clear()

    def save(self, *records: Any) -> None:
        self.records.commit(Change(saves=tuple(Save(one) for one in records)))

    def offered(self, number: str, who: str) -> WorkOrder:
        """Give a work order as dispatch makes it, under a number that mails can name."""
        scratch = MemoryRecords()
        chosen = [partner(who)]
        spc = Coordinator("spc_1", "Sam", "spc@owner.example")
        scratch.commit(Change(saves=tuple(Save(one) for one in (SITE, spc, *chosen))))
        for one in chosen:
            process.enlist(scratch, partner_id=one.id, at=MONDAY, by="rm")
        case = process.take_up(scratch, finding=FINDING, at=MONDAY, spc_id="spc_1")
        made = scratch.find(WorkOrder, by="case_id", value=case.id)[0].record
        assert made.partner_id == who
        if self.records.load(Case, CASE) is None:
            self.save(replace(scratch.load(Case, case.id).record, id=CASE))
        delivered = replace(
            made.assignments[-1],
            letter_id=LETTER if number == OFFERED else f"LTR-{number[3:]}",
            delivered_at=MONDAY,
        )
        return replace(made, id=number, case_id=CASE, assignments=(delivered,))

    def accept(self, number: str, estimate: Money | None) -> None:
        answer = process.accept(
            self.records,
            work_order_id=number,
            partner_id="orig",
            estimate=estimate,
            at=MONDAY + timedelta(minutes=5),
            by="test",
        )
        assert isinstance(answer, WorkOrder), answer

    def finish(self) -> None:
        """Have the report of the finished work order on record, without its photos' road."""
        content = VisitReport(
            form="email",
            as_found=Condition("offline", ("a.jpg",)),
            as_departed=Condition("producing", ("b.jpg",)),
            summary="replaced a connector",
            root_cause="a loose connector",
        )
        stored = self.records.load(WorkOrder, FINISHED)
        departed = MONDAY + timedelta(hours=3)
        report = process_report(stored.record, content, departed)
        done = replace(
            stored.record,
            report_id=report.id,
            departed_at=departed,
            reported_at=departed,
            state=WorkOrderState.COMPLETED,
        )
        self.records.commit(Change(saves=(stored.replaced_by(done), Save(report))))

    # ------------------------------------------------------------------ what mails do
    def take(self, raw: bytes, at: datetime = TUESDAY, key: str = "mail/in/1") -> Mail:
        mail = read(raw)
        return self.take_read(mail, at=at, key=key)

    def take_read(self, mail: ArrivedMail, at: datetime = TUESDAY, key: str = "mail/in/1") -> Mail:
        return take_in(self.room, Parcel(mail, key, partial(texts_of, mail), at))

    def order(self, number: str = OFFERED) -> WorkOrder:
        return self.records.load(WorkOrder, number).record

    def undeliver(self) -> None:
        """Have the letter of the first offer on its way still: no clock runs."""
        stored = self.records.load(WorkOrder, OFFERED)
        waiting = replace(stored.record.assignments[0], delivered_at=None)
        order = replace(stored.record, assignments=(waiting,))
        mail = self.records.load(Mail, outgoing_id(LETTER))
        leaving = replace(mail.record, state=MailState.LEAVING)
        self.records.commit(Change(saves=(stored.replaced_by(order), mail.replaced_by(leaving))))

    def letters_to(self, address: str) -> list[Any]:
        return [one for one in self.records.letters.values() if one.to == address]


def process_report(order: WorkOrder, content: VisitReport, departed: datetime) -> Any:
    return Report("RPT-DONE000001", order.id, "orig", content, departed, departed, "test")


def mail_from(
    body: str,
    *,
    sender: str = "service@orig.example",
    thread: str = OFFERED,
    to: str = "service@mail.sunreeve.example",
    subject: str = "Re: Service request",
    references: str | None = None,
    number: int = 1,
    extra: str = "",
) -> bytes:
    """Give a mail as SES stores it, from somebody whose domain vouches."""
    domain = sender.rpartition("@")[2]
    named = f"<{thread.lower()}@mail.sunreeve.example>" if references is None else references
    answered = f"References: {named}\n" if named else ""
    return (
        f"Return-Path: <{sender}>\n"
        f"Received: from mx.{domain} by inbound-smtp.us-east-1.amazonaws.com for {to};\n"
        " Tue, 09 Jun 2026 14:00:00 +0000\n"
        f"Authentication-Results: amazonses.com; spf=pass client-ip=192.0.2.1;"
        f" envelope-from={sender}; helo=mx.{domain}; dkim=pass header.i=@{domain};"
        f" dmarc=pass header.from={domain};\n"
        f"From: {sender}\nTo: {to}\nSubject: {subject}\nMessage-ID: <n{number}@{domain}>\n"
        f"{answered}{extra}MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n{body}\n"
    ).encode()
