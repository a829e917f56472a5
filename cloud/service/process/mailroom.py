"""Mails that come in: who wrote, what about, what is done because of it, and what is answered."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cloud.kernel.change import NEW, Change, Event, Letter, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Partner, Site
from cloud.service import mail_letters
from cloud.service.mail import (
    INVOICES,
    ArrivedMail,
    IncomingMail,
    MailMatch,
    Signatures,
    match,
    match_invoice,
    named_threads,
    thread_of_address,
    thread_of_id,
)
from cloud.service.mail_reading import (
    Accept,
    Command,
    Decline,
    Note,
    Question,
    Unclear,
    WrittenInvoice,
    commands_in,
    invoice_in,
    is_invoice,
    reply_of,
)
from cloud.service.models import Case, Coordinator, Mail, MailReading, MailState, WorkOrder
from cloud.service.offer import AssignmentState
from cloud.service.policy import ANSWERS_A_DAY
from cloud.service.process import answers
from cloud.service.process.mail_desks import (
    COORDINATOR_DESKS,
    DESKS,
    Desk,
    Outcome,
    Request,
    not_done,
)
from cloud.service.process.releasing import refusal
from cloud.service.process.sending import came_back, letter_named, outgoing_id
from cloud.service.uploads import Outside

_SHORT = 200
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Mailroom:
    """What mails are read with.

    Attributes:
        outside: where attachments go.
        signatures: make the tokens in the addresses that mails are answered to.
        desks: what later stages do about a partner's commands.
    """

    records: Records
    outside: Outside
    signatures: Signatures
    desks: Mapping[type[Any], Desk]


@dataclass(frozen=True, slots=True)
class Parcel:
    """A mail as it was handed in.

    Attributes:
        raw: where its bytes lie.
        papers: reads the text of the papers that came with it, as far as that goes; it takes time,
            and is asked only where its sender may say something, to the mailbox for invoices.
        at: when it came.
    """

    mail: ArrivedMail
    raw: str
    papers: Callable[[], tuple[str, ...]]
    at: datetime


@dataclass(frozen=True, slots=True)
class _Writer:
    """Who wrote, of which work order.

    Attributes:
        partner_id: empty for a coordinator.
        by: the name under which what it says is on record.
    """

    order: WorkOrder
    matched_by: str
    partner_id: str
    by: str


def incoming_id(mail: ArrivedMail) -> str:
    """Give the id of a mail that came in; the same one handed in twice is the same."""
    vouched = "vouched" if mail.is_authenticated else "unvouched"
    return derived("MAIL", "in", mail.sender, vouched, mail.message_id, mail.digest)


def take_in(room: Mailroom, parcel: Parcel) -> Mail:
    """Read a mail, do what it asks for, answer it, and put it on record (M-75, S-20b).

    What has no authority is quarantined and nothing is done because of it. A program's answer never
    counts. The first authentic answer of a partner acknowledges its work order, whatever it says.
    The same mail again changes nothing; a mail that was half done before a crash is finished.

    Raises:
        Conflict: somebody else changed the same thing meanwhile; take it in again.
        Unavailable: an attachment is still being looked at; take it in again later.
    """
    known = room.records.load(Mail, incoming_id(parcel.mail))
    if known is not None:
        return known.record
    mail = parcel.mail
    if mail.bounced is not None:
        return _bounced(room, parcel)
    if mail.is_suspect:
        return _put_aside(room, parcel, "our mail service holds it for harmful")
    if mail.is_auto_reply:
        return _filed_unread(room, parcel, MailState.AUTO_REPLY, "a program wrote it")
    if not mail.is_authenticated:
        return _put_aside(room, parcel, "nobody vouches for its sender")
    writer = _writer(room, parcel)
    if isinstance(writer, str):
        customer = _customers_case(room, mail)
        if customer is not None:
            return _from_customer(room, parcel, customer)
        return _put_aside(room, parcel, writer)
    return _carried_out(room, parcel, writer)


def release(
    room: Mailroom,
    parcel: Parcel,
    *,
    mail_id: str,
    work_order_id: str,
    partner_id: str,
    at: datetime,
    by: str,
) -> Mail | Refused:
    """File a mail that was put aside, because a person vouches for it (M-75).

    It counts as of when it came, and as the partner's that had the work order when the person
    vouched; where that one has it no more, nothing is done.
    """
    stored = require(room.records.load(Mail, mail_id), "mail", mail_id)
    order = require(room.records.load(WorkOrder, work_order_id), "work order", work_order_id).record
    refused = refusal(stored.record, order, partner_id)
    if refused is not None:
        return refused
    writer = _Writer(order, "person", partner_id, f"{parcel.mail.sender} by way of {by}")
    return _carried_out(room, parcel, writer, released=(stored, by, at))


def discard(
    records: Records, *, mail_id: str, reason: str, at: datetime, by: str
) -> Mail | Refused:
    """Note that a mail that was put aside, or waits for a person, needs nothing (M-75)."""
    stored = records.load(Mail, mail_id)
    if stored is not None and stored.record.state is MailState.DISCARDED:
        return stored.record
    found = _aside(records, mail_id)
    if isinstance(found, Refused):
        return found
    after = replace(
        found.record, state=MailState.DISCARDED, says=reason, decided_by=by, decided_at=at
    )
    says = f"{by} discarded mail {mail_id}: {reason}"
    event = Event(after.thread or mail_id, "mail_discarded", at, by, "M-75", (mail_id,), says)
    records.commit(Change(saves=(found.replaced_by(after),), events=(event,)))
    return after


def _aside(records: Records, mail_id: str) -> Stored[Mail] | Refused:
    stored = require(records.load(Mail, mail_id), "mail", mail_id)
    if stored.record.state not in {MailState.QUARANTINED, MailState.FOR_A_PERSON}:
        return Refused("M-75", f"mail {mail_id} stands as {stored.record.state}", "conflict")
    return stored


# ---- whose it is --------------------------------------------------------------------------------


def _hints(room: Mailroom, mail: ArrivedMail) -> tuple[dict[str, str], str]:
    """Give the threads of the mails that it answers, and of the address that it was sent to."""
    known: dict[str, str] = {}
    for message_id in dict.fromkeys((mail.in_reply_to, *mail.references[-20:])):
        thread = thread_of_id(message_id)
        if not thread and (ours := letter_named(room.records, message_id)):
            thread = ours.thread
        if thread:
            known[message_id] = thread
    addressed = (thread_of_address(one, signatures=room.signatures) for one in mail.recipients)
    return known, next((one for one in addressed if one), "")


def _writer(room: Mailroom, parcel: Parcel) -> _Writer | str:
    """Give who wrote and about what, or why that is not known."""
    mail = parcel.mail
    known, hinted = _hints(room, mail)
    is_for_invoices = _is_for_invoices(mail)
    partners = _partners(room.records, mail.sender)
    texts: tuple[str, ...] = (mail.subject,)
    if is_for_invoices:
        texts = (*texts, reply_of(mail.text), *(parcel.papers() if partners else ()))
    candidates = dict.fromkeys((*known.values(), hinted, *named_threads(*texts)))
    orders = room.records.load_all(WorkOrder, [one for one in candidates if one])
    for partner in partners:
        own = {
            number
            for number, order in orders.items()
            if any(offer.partner_id == partner.id for offer in order.record.assignments)
        }
        found = _matched(mail, partner, known, hinted, own)
        if found.work_order_id is None and is_for_invoices:
            found = match_invoice(
                _incoming(mail),
                partner_contacts=(partner.service_email,),
                open_work_orders=own,
                texts=texts[1:],
            )
        if found.work_order_id is not None:
            order = orders[found.work_order_id].record
            return _Writer(order, found.matched_by or "", partner.id, mail.sender)
    if partners:
        return "it names no work order of its sender's, or more than one"
    return _coordinator(room, mail, known, hinted, orders) or "its sender is not known here"


def _matched(
    mail: ArrivedMail,
    partner: Partner,
    known: Mapping[str, str],
    hinted: str,
    own: set[str],
) -> MailMatch:
    found = match(
        _incoming(mail),
        partner_contacts=(partner.service_email,),
        known_message_ids=known,
        open_work_orders=own,
        hinted=hinted,
    )
    is_ambiguous = len(own & set(named_threads(mail.subject))) > 1
    return MailMatch() if found.matched_by == "subject_tag" and is_ambiguous else found


def _coordinator(
    room: Mailroom,
    mail: ArrivedMail,
    known: Mapping[str, str],
    hinted: str,
    orders: Mapping[str, Stored[WorkOrder]],
) -> _Writer | None:
    """Give the coordinator who wrote: the one that issued the work order, or its delegate."""
    for number, stored in orders.items():
        spc = room.records.load(Coordinator, stored.record.spc_id)
        people = [spc.record] if spc else []
        if spc and spc.record.delegate_id:
            delegate = room.records.load(Coordinator, spc.record.delegate_id)
            people += [delegate.record] if delegate else []
        for person in (one for one in people if one.is_active):
            found = match(
                _incoming(mail),
                partner_contacts=(person.email,),
                known_message_ids=known,
                open_work_orders={number},
                hinted=hinted,
            )
            if found.work_order_id is not None and len(orders) == 1:
                return _Writer(stored.record, found.matched_by or "", "", person.id)
    return None


def _incoming(mail: ArrivedMail) -> IncomingMail:
    return IncomingMail(
        sender=mail.sender,
        is_authenticated=mail.is_authenticated,
        subject=mail.subject,
        in_reply_to=mail.in_reply_to,
        references=mail.references,
    )


def _partners(records: Records, sender: str) -> list[Partner]:
    """Give the partners whose contact for service wrote (M-74)."""
    return [
        stored.record
        for stored in records.find(Partner, by="active", value="True")
        if stored.record.service_email.strip().casefold() == sender
    ]


def _is_for_invoices(mail: ArrivedMail) -> bool:
    return any(one.partition("@")[0].partition("+")[0] == INVOICES for one in mail.recipients)


def _customers_case(room: Mailroom, mail: ArrivedMail) -> Case | None:
    """Give the case whose customer wrote."""
    known, hinted = _hints(room, mail)
    named = dict.fromkeys((*known.values(), hinted, *named_threads(mail.subject)))
    for stored in room.records.load_all(Case, [one for one in named if one]).values():
        site = room.records.load(Site, stored.record.site_id)
        if site and site.record.customer_email.strip().casefold() == mail.sender:
            return stored.record
    return None


# ---- what is done because of it -----------------------------------------------------------------


def _carried_out(
    room: Mailroom,
    parcel: Parcel,
    writer: _Writer,
    *,
    released: tuple[Stored[Mail], str, datetime] | None = None,
) -> Mail:
    mail, order = parcel.mail, writer.order
    zone = ZoneInfo(order.time_zone)
    commands = _commands(parcel, zone)
    _acknowledged(room, parcel, writer, commands)
    readings: list[MailReading] = []
    words: list[str] = []
    for command in commands:
        if isinstance(command, Note) or (isinstance(command, Question) and not writer.partner_id):
            words.append(command.text)
            continue
        outcome = _outcome(room, parcel, writer, command)
        readings.append(
            MailReading(_word(command), outcome.is_done, outcome.code, outcome.says[:500])
        )
        if not outcome.is_done:
            break
    record = replace(
        _record(parcel, order.id, MailState.FILED),
        matched_by=writer.matched_by,
        readings=tuple(readings),
    )
    record, sent = _told(room, parcel, writer, record, words)
    save, at, by = Save(record, NEW), parcel.at, writer.by
    if released is not None:
        stored, by, at = released
        record = replace(record, state=MailState.RELEASED, decided_by=by, decided_at=at)
        save = stored.replaced_by(record)
    says = f"a mail from {mail.sender} was filed: {_summary(record)}"
    event = Event(order.id, "mail_filed", at, by, "M-75", (record.id,), says)
    room.records.commit(Change(saves=(save,), events=(event,), letters=tuple(sent)))
    return record


def _commands(parcel: Parcel, zone: ZoneInfo) -> tuple[Command, ...]:
    """Give the commands of a mail; one to the mailbox for invoices holds an invoice (I-65)."""
    reply = reply_of(parcel.mail.text)
    commands = commands_in(reply, zone=zone)
    if not _is_for_invoices(parcel.mail) or any(
        isinstance(one, WrittenInvoice | Unclear) for one in commands
    ):
        return commands
    invoices = [text for text in (reply, *parcel.papers()) if is_invoice(text)]
    if len(invoices) > 1 and not is_invoice(reply):
        because = "it comes with more than one invoice; please send each in a mail of its own"
        return (Unclear("INVOICE", because, "INVOICE"),)
    return (invoice_in(invoices[0], zone=zone),) if invoices else commands


def _acknowledged(
    room: Mailroom, parcel: Parcel, writer: _Writer, commands: Sequence[Command]
) -> None:
    """Note the first authentic answer, whatever it says (S-20b)."""
    current = writer.order.assignment
    is_answer = bool(commands) and isinstance(commands[0], Accept | Decline)
    if (
        is_answer
        or current is None
        or current.partner_id != writer.partner_id
        or current.state is not AssignmentState.OFFERED
        or current.acknowledged_at is not None
    ):
        return
    answers.acknowledge(
        room.records,
        work_order_id=writer.order.id,
        partner_id=writer.partner_id,
        at=parcel.at,
        by=writer.by,
    )


def _outcome(room: Mailroom, parcel: Parcel, writer: _Writer, command: Command) -> Outcome:
    if isinstance(command, Unclear):
        says = f"It is not clear: {command.because}. Write for example: {command.example}"
        return not_done("unclear", says)
    desks = {**DESKS, **room.desks} if writer.partner_id else COORDINATOR_DESKS
    desk = desks.get(type(command))
    if desk is None:
        return not_done("forbidden", "That is not yours to say by mail; a person reads it.")
    request = Request(
        records=room.records,
        outside=room.outside,
        order=writer.order,
        command=command,
        mail=parcel.mail,
        partner_id=writer.partner_id,
        at=parcel.at,
        by=writer.by,
    )
    try:
        return desk(request)
    except BadInput as wrong:
        return not_done("bad_input", str(wrong))


def _word(command: Command) -> str:
    return command.word if isinstance(command, Unclear) else _NAMES[type(command).__name__]


_NAMES = {
    "Acknowledge": "ACKNOWLEDGE",
    "Accept": "ACCEPT",
    "Decline": "DECLINE",
    "Called": "CALLED",
    "VisitAt": "VISIT",
    "Arrived": "ARRIVED",
    "Departed": "DEPARTED",
    "PauseSince": "PAUSE",
    "Resume": "RESUME",
    "WrittenReport": "REPORT",
    "WrittenInvoice": "INVOICE",
    "ApproveSpend": "APPROVE",
    "RejectSpend": "REJECT",
    "AskForSpend": "REQUEST",
    "DisputeIt": "DISPUTE",
    "Question": "QUESTION",
}


# ---- who is told --------------------------------------------------------------------------------


def _told(
    room: Mailroom, parcel: Parcel, writer: _Writer, record: Mail, words: Sequence[str]
) -> tuple[Mail, list[Letter]]:
    """Give the letters that follow: the answer, and what is passed on to a person."""
    sent: list[Letter] = []
    readings = list(record.readings)
    needs_person = any(one.code in {"unclear", "forbidden"} for one in readings)
    files = [one.name for one in parcel.mail.attachments]
    if words or (files and not readings):
        passed = _passed_on(
            room, writer, record, text="\n\n".join(words), files=files, at=parcel.at
        )
        sent += passed
        needs_person = needs_person or not passed
        says = "Your words went to the person whom they concern."
        readings.append(MailReading("NOTE", is_done=True, code="", says=says))
    record = replace(record, readings=tuple(readings))
    unread = parcel.mail.unread
    if not readings and not unread:
        return record, sent
    if _answers_today(room.records, record.thread, parcel.at) >= ANSWERS_A_DAY.on(parcel.at.date()):
        says = "this thread had its answers of the day; no answer was sent (M-77)"
        return replace(record, state=MailState.FOR_A_PERSON, says=says), sent
    sent.append(
        mail_letters.answered(
            record, subject=parcel.mail.subject[:_SHORT], unread=unread, at=parcel.at
        )
    )
    state = MailState.FOR_A_PERSON if needs_person else MailState.FILED
    return replace(record, state=state), sent


def _passed_on(
    room: Mailroom,
    writer: _Writer,
    record: Mail,
    *,
    text: str,
    files: Sequence[str],
    at: datetime,
) -> list[Letter]:
    """Give the letter to the coordinator, or to the partner when the coordinator wrote."""
    if writer.partner_id:
        spc = room.records.load(Coordinator, writer.order.spc_id)
        to, name = (spc.record.email, spc.record.name) if spc else ("", "")
    else:
        partner = room.records.load(Partner, writer.order.partner_id or "")
        to, name = (partner.record.service_email, partner.record.name) if partner else ("", "")
    if not to:
        return []
    return [mail_letters.passed_on(record, to=to, name=name, text=text, files=files, at=at)]


def _answers_today(records: Records, thread: str, at: datetime) -> int:
    """Count the answers of a day in a thread (M-77)."""
    return sum(
        not one.record.is_ours and bool(one.record.readings) and at - one.record.at < _DAY
        for one in records.find(Mail, by="thread", value=thread)
    )


# ---- what nothing is done about -----------------------------------------------------------------


def _bounced(room: Mailroom, parcel: Parcel) -> Mail:
    """Void the clock of an offer that a mail server sent back for good (S-20).

    Anybody can write such a mail. Of a letter that our mail service delivered its own word counts,
    and a person reads what this one says.
    """
    told = parcel.mail.bounced
    letter = None
    if told is not None:
        letter = (
            _sent(room.records, told.letter_id)
            or letter_named(room.records, told.message_id)
            or _sent_to(room, parcel.mail, told.recipient)
        )
    if told is None or letter is None or told.recipient != letter.recipient.lower():
        return _filed_unread(room, parcel, MailState.BOUNCE, "it names no letter of ours")
    because = f"{told.recipient} was not reached ({told.status or 'no status'})"
    is_delivered = _is_delivered(room.records, letter)
    if told.is_permanent and not is_delivered:
        came_back(
            room.records, letter_id=letter.letter_id, message_id="", because=because, at=parcel.at
        )
    says, state = because, MailState.BOUNCE
    if not told.is_permanent:
        says = f"{because}; it is still being tried"
    elif is_delivered:
        says = f"a mail says that {because}, but that letter was delivered"
        state = MailState.FOR_A_PERSON
    record = replace(_record(parcel, letter.thread, state), letter_id=letter.letter_id, says=says)
    room.records.commit(Change(saves=(Save(record, NEW),)))
    return record


def _is_delivered(records: Records, letter: Mail) -> bool:
    """Tell whether our mail service said that a letter was delivered, or a clock runs on it."""
    if letter.state is MailState.DELIVERED:
        return True
    stored = records.load(WorkOrder, letter.thread)
    offers = stored.record.assignments if stored else ()
    return any(one.letter_id == letter.letter_id and one.delivered_at is not None for one in offers)


def _sent(records: Records, letter_id: str) -> Mail | None:
    stored = records.load(Mail, outgoing_id(letter_id)) if letter_id else None
    return stored.record if stored else None


def _sent_to(room: Mailroom, mail: ArrivedMail, recipient: str) -> Mail | None:
    """Give the latest letter to that receiver in the thread of the address that it came to."""
    _, hinted = _hints(room, mail)
    found = room.records.find(Mail, by="thread", value=hinted) if hinted else ()
    ours = [one.record for one in found if one.record.is_ours]
    sent = [one for one in ours if one.recipient.lower() == recipient]
    return max(sent, key=lambda one: one.at, default=None)


def _from_customer(room: Mailroom, parcel: Parcel, case: Case) -> Mail:
    """File what a customer writes about its case; a person answers."""
    record = replace(
        _record(parcel, case.id, MailState.FOR_A_PERSON),
        matched_by="customer",
        says=reply_of(parcel.mail.text)[:2_000],
    )
    says = f"the customer wrote about case {case.id}"
    event = Event(
        case.id, "customer_wrote", parcel.at, parcel.mail.sender, "M-75", (record.id,), says
    )
    room.records.commit(Change(saves=(Save(record, NEW),), events=(event,)))
    return record


def _put_aside(room: Mailroom, parcel: Parcel, because: str) -> Mail:
    """Quarantine a mail; where it names a work order, its coordinator is told, and nobody else."""
    known, hinted = _hints(room, parcel.mail)
    named = dict.fromkeys((*known.values(), hinted, *named_threads(parcel.mail.subject)))
    orders = room.records.load_all(WorkOrder, [one for one in named if one])
    thread = next(iter(orders), "") if len(orders) == 1 else ""
    record = replace(_record(parcel, thread, MailState.QUARANTINED), says=because)
    sent: list[Letter] = []
    if thread and _answers_today(room.records, thread, parcel.at) == 0:
        spc = room.records.load(Coordinator, orders[thread].record.spc_id)
        is_first = not _has_quarantined(room.records, thread, parcel.at)
        if spc is not None and is_first:
            sent = [mail_letters.quarantined(record, coordinator=spc.record, at=parcel.at)]
    room.records.commit(Change(saves=(Save(record, NEW),), letters=tuple(sent)))
    return record


def _has_quarantined(records: Records, thread: str, at: datetime) -> bool:
    """Tell whether the coordinator was told within a day: who floods us floods no person."""
    return any(
        one.record.state is MailState.QUARANTINED and at - one.record.at < _DAY
        for one in records.find(Mail, by="thread", value=thread)
    )


def _filed_unread(room: Mailroom, parcel: Parcel, state: MailState, because: str) -> Mail:
    known, hinted = _hints(room, parcel.mail)
    thread = next(iter(known.values()), hinted)
    record = replace(_record(parcel, thread, state), says=because)
    room.records.commit(Change(saves=(Save(record, NEW),)))
    return record


def _record(parcel: Parcel, thread: str, state: MailState) -> Mail:
    mail = parcel.mail
    return Mail(
        id=incoming_id(mail),
        state=state,
        thread=thread,
        is_ours=False,
        sender=mail.sender,
        recipient=next(iter(mail.recipients), ""),
        subject=mail.subject[:_SHORT],
        at=parcel.at,
        raw=parcel.raw,
        message_id=mail.message_id.strip("<>")[:_SHORT],
    )


def _summary(record: Mail) -> str:
    read = [f"{one.word} {'done' if one.is_done else one.code}" for one in record.readings]
    return ", ".join(read) or "nothing to do"
