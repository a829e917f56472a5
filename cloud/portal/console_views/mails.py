"""Mail: what nobody could match, what was put aside, and each thread; always as plain text."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import quote

from cloud.adapters.mime import read
from cloud.kernel.decision import Refused
from cloud.kernel.errors import NotFound
from cloud.portal.asking import Absent, Answer, Ask, Go, Page, linked
from cloud.portal.console_views.ways import way_to
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed
from cloud.portfolio.process.registry import all_partners
from cloud.reporting import partner_desk
from cloud.reporting.leafing import rows_of
from cloud.reporting.roles import AMS, AUDITOR, SPC
from cloud.service.mail import ArrivedMail, Attachment, named_threads
from cloud.service.mail_reading import reply_of
from cloud.service.models import Case, Mail, MailState, WorkOrder
from cloud.service.process.filing import file_under_case
from cloud.service.process.mailroom import discard
from cloud.service.process.releasing import ask_release, refusal
from cloud.service.uploads import Upload

VIEWS = Views()
PATH: Final = "/console/mails"
MOST: Final = 50
LONGEST: Final = 20_000
"""Characters of a mail that a page shows."""
ASIDE: Final = (MailState.FOR_A_PERSON, MailState.QUARANTINED)
"""What waits for somebody."""
STATES: Final[Mapping[str, str]] = {
    MailState.FOR_A_PERSON: "For a person",
    MailState.QUARANTINED: "Put aside",
    MailState.RETURNED: "Came back",
    MailState.HELD: "Held",
    MailState.FILED: "Read",
    MailState.RELEASED: "Vouched for",
    MailState.DISCARDED: "Needs nothing",
    MailState.BOUNCE: "From mail servers",
    MailState.AUTO_REPLY: "From programs",
}
"""State -> what people call it; letters that arrived are found by their thread."""
_PILES: Final = frozenset({*STATES} - {*ASIDE})
"""What is over, or goes on by itself: such piles grow for ever."""
MATCHED: Final[Mapping[str, str]] = {
    "references": "it answers a mail of this thread",
    "plus_token": "it came to the address of this thread",
    "subject_tag": "the number is in its subject",
    "number": "it names this work order and no other",
    "customer": "the customer of the case wrote it",
    "person": "somebody said so",
}
_ABOUT: Final = {
    "WO": "work_order",
    "CASE": "case",
    "INV": "invoice",
    "BB": "back_bill",
    "P": "partner",
}
_SUGGESTED: Final = 8


@dataclass(frozen=True, slots=True)
class Paper:
    """An attachment: what it is by its first bytes, and what became of it here."""

    file: Attachment
    upload: Upload | None

    @property
    def kilobytes(self) -> int:
        """Its size; a file that is not empty has at least one."""
        return -(-len(self.file.content) // 1024)


# ---- the list ------------------------------------------------------------------------------------


@VIEWS.get(PATH, SPC, AMS, AUDITOR)
def mails(ask: Ask) -> Answer:
    """List mails: first those that waited without anybody knowing what about, the oldest first."""
    said = ask.query.get("q", "").strip()[:200]
    if said:
        found = _sought(ask, said)
        if found:
            return Go(found)
    waiting = [one for state in ASIDE for one in _in_state(ask, state)]
    chosen = ask.query.get("state", "")
    shown, links = _pile(ask, chosen) if chosen in _PILES else _waiting(ask, chosen, waiting)
    return Page(
        "console/mails.html",
        "Mail",
        {
            "mails": shown,
            **links,
            "states": [
                ("", "Waits", len(waiting)),
                *(
                    (
                        state,
                        words,
                        sum(one.state == state for one in waiting) if state in ASIDE else None,
                    )
                    for state, words in STATES.items()
                ),
            ],
            "state_words": STATES,
            "chosen": chosen if chosen in STATES else "",
            "said": said,
        },
    )


def _pile(ask: Ask, state: str) -> tuple[Sequence[Mail], Mapping[str, str]]:
    """Give a page of the mail that waits for nobody, the latest first: piles that only grow."""
    after = ask.query.get("from", "")
    rows = rows_of(partial(ask.records.latest, Mail, value=state), most=MOST, after=after)
    links = {
        "first": linked(PATH, state=state) if after else "",
        "earlier": "",
        "later": linked(PATH, **{"state": state, "from": rows.after}) if rows.after else "",
    }
    return rows.found, links


def _waiting(
    ask: Ask, chosen: str, waiting: Sequence[Mail]
) -> tuple[Sequence[Mail], Mapping[str, str]]:
    """Give a page of what waits, the oldest first; what nobody knows a thread of is in front."""
    state = chosen if chosen in set(ASIDE) else ""
    ordered = sorted(
        (one for one in waiting if state in {"", one.state}),
        key=lambda one: (bool(one.thread), one.at, one.id),
    )
    start = _start(ask.query.get("from", ""), len(ordered))
    links = {
        name: linked(PATH, **{"state": state, "from": begin}) if is_there else ""
        for name, begin, is_there in (
            ("earlier", start - MOST, bool(start)),
            ("later", start + MOST, start + MOST < len(ordered)),
        )
    }
    return ordered[start : start + MOST], {"first": "", **links}


def _in_state(ask: Ask, state: str) -> list[Mail]:
    return [one.record for one in ask.records.find(Mail, by="state", value=state)]


def _sought(ask: Ask, said: str) -> str:
    """Give the page of a thread or of a mail by its number, empty where there is none."""
    for name in dict.fromkeys((said, said.upper())):
        if ask.records.find(Mail, by="thread", value=name):
            return f"{PATH}/threads/{quote(name, safe='')}"
        if ask.records.load(Mail, name) is not None:
            return f"{PATH}/{name}"
    return ""


def _start(said: str, most: int) -> int:
    if not (said.isascii() and said.isdigit()) or len(said) > 6:
        return 0
    return min(int(said), max(most - 1, 0)) // MOST * MOST


# ---- a thread ------------------------------------------------------------------------------------


@VIEWS.get(PATH + "/threads/{thread}", SPC, AMS, AUDITOR)
def thread(ask: Ask) -> Page:
    """Show all mail about one thing: a work order, a case, an invoice (M-75)."""
    name = ask.names["thread"]
    found = _thread(ask, name)
    if not found:
        raise Absent
    return Page(
        "console/mail_thread.html",
        f"Mail about {name}",
        {"mails": found, "state_words": STATES, "about": _way(ask, name), "thread": name},
    )


def _thread(ask: Ask, name: str) -> list[Mail]:
    stored = ask.records.find(Mail, by="thread", value=name) if name else ()
    return sorted((one.record for one in stored), key=lambda one: (one.at, one.id))


def _way(ask: Ask, name: str) -> str:
    """Give the page of what a thread is about, empty where it is none of this visitor's."""
    about = _ABOUT.get(name.partition("-")[0])
    return way_to(ask, about, name) if about else ""


# ---- one mail ------------------------------------------------------------------------------------


@VIEWS.get(PATH + "/{mail_id}", SPC, AMS, AUDITOR)
def one_mail(ask: Ask) -> Page:
    """Show one mail: its words, what came with it, and what was read out of it (M-75)."""
    return _mail_page(ask)


def _mail_page(ask: Ask, typed: AsTyped | None = None, form: str = "") -> Page:
    mail = _mail(ask)
    arrived = _arrived(ask, mail)
    reply = reply_of(arrived.text) if arrived else ""
    is_aside = mail.state in ASIDE
    may_release = SPC in ask.visitor.roles and mail.state is MailState.QUARANTINED
    may_file = is_aside and bool(ask.visitor.roles & {SPC, AMS})
    suggested = _suggested(ask, mail, arrived) if may_release or may_file else ()
    order = ask.records.load(WorkOrder, mail.thread) if mail.thread.startswith("WO-") else None
    return Page(
        "console/mail.html",
        mail.subject or "Mail without a subject",
        {
            "mail": mail,
            "arrived": arrived,
            "reply": reply[:LONGEST],
            "rest": arrived.text[:LONGEST] if arrived and arrived.text.strip() != reply else "",
            "is_cut": bool(arrived) and len(arrived.text if arrived else "") > LONGEST,
            "papers": _papers(ask, mail, arrived),
            "state_words": STATES,
            "matched": MATCHED.get(mail.matched_by, mail.matched_by),
            "about": _way(ask, mail.thread),
            "others": [one for one in _thread(ask, mail.thread) if one.id != mail.id],
            "asks": bool(order and order.record.open_questions),
            "may_release": may_release,
            "may_discard": may_file,
            "suggested": suggested if may_release else (),
            "may_file": may_file,
            "cases": _cases(ask, mail, arrived, suggested) if may_file else (),
            "reply_to": _reply_to(mail),
            "typed": typed,
            "form": form,
        },
        status=422 if typed else 200,
    )


def _mail(ask: Ask) -> Mail:
    found = ask.records.load(Mail, ask.names["mail_id"])
    if found is None:
        raise Absent
    return found.record


def _arrived(ask: Ask, mail: Mail) -> ArrivedMail | None:
    """Give a mail taken apart, None for a letter of ours and where its bytes are gone."""
    if mail.is_ours or not mail.raw:
        return None
    try:
        return read(ask.house.documents.get(mail.raw))
    except NotFound:
        return None


def _papers(ask: Ask, mail: Mail, arrived: ArrivedMail | None) -> Sequence[Paper]:
    """Give what came with a mail, each with the file that was taken of it for the work order."""
    if arrived is None or not arrived.attachments:
        return ()
    stored = (
        ask.records.find(Upload, by="work_order_id", value=mail.thread)
        if mail.thread.startswith("WO-")
        else ()
    )
    taken = {one.record.sha256: one.record for one in stored}
    return [
        Paper(one, taken.get(hashlib.sha256(one.content).hexdigest()))
        for one in arrived.attachments
    ]


def _suggested(
    ask: Ask, mail: Mail, arrived: ArrivedMail | None
) -> Sequence[tuple[WorkOrder, str]]:
    """Give work orders that a mail may be about: named in it, or open at who has its address.

    Only such as it may be read for: what came before the offer is not that partner's (M-75).
    """
    named = named_threads(mail.thread, mail.subject, arrived.text if arrived else "")
    numbers = [one for one in named if one.startswith("WO-")]
    found = ask.records.load_all(WorkOrder, numbers) if numbers else {}
    suggested = [(one.record, "it names it") for one in found.values()]
    sender = mail.sender.strip().casefold()
    for partner in all_partners(ask.records):
        if sender and partner.service_email.strip().casefold() == sender:
            orders = partner_desk.orders_of(ask.records, partner.id)
            suggested += [
                (one, f"open at {partner.name}")
                for one in partner_desk.in_order(orders, at=ask.at)
                if one.is_open and one.id not in found
            ]
    return [
        (order, why)
        for order, why in suggested
        if refusal(mail, order, order.partner_id or "") is None
    ][:_SUGGESTED]


def _cases(
    ask: Ask,
    mail: Mail,
    arrived: ArrivedMail | None,
    orders: Sequence[tuple[WorkOrder, str]],
) -> Sequence[tuple[Case, str]]:
    """Give cases that a mail may be about: named in it, or of a work order that it names."""
    named = named_threads(mail.thread, mail.subject, arrived.text if arrived else "")
    why = {
        order.case_id: f"of work order {order.id}, which it names"
        for order, _ in orders
        if order.id in named
    }
    why |= {one: "it names it" for one in named if one.startswith("CASE-")}
    why.pop(mail.thread, None)
    found = ask.records.load_all(Case, sorted(why)) if why else {}
    return [(found[one].record, says) for one, says in why.items() if one in found][:_SUGGESTED]


def _reply_to(mail: Mail) -> str:
    """Give a link that opens an answer in the reader's own mail program."""
    if mail.is_ours or not mail.sender or mail.state is MailState.QUARANTINED:
        return ""
    tag = f"[{mail.thread}] " if mail.thread and mail.thread not in mail.subject else ""
    return f"mailto:{quote(mail.sender, safe='@+')}?subject={quote(f'Re: {tag}{mail.subject}')}"


# ---- deeds ---------------------------------------------------------------------------------------


@VIEWS.post(PATH + "/{mail_id}/release", SPC)
def release(ask: Ask) -> Answer:
    """Have a mail that was put aside read as one about a work order (M-75)."""
    mail, typed = _mail(ask), Typed(ask.form)
    number = typed.text("order_number", "Write the number of the work order.", most=200).upper()
    if number and ask.records.load(WorkOrder, number) is None:
        typed.is_wrong("order_number", "There is no work order of that number.")
    if typed.as_typed:
        return _mail_page(ask, typed.as_typed, "release")
    answer = ask_release(ask.records, mail_id=mail.id, work_order_id=number, **ask.acting())
    said = f"In a moment it is read as one about {number}, in the name of its partner."
    return _after(ask, typed, "release", answer, said)


@VIEWS.post(PATH + "/{mail_id}/case", SPC, AMS)
def file_mail(ask: Ask) -> Answer:
    """Say that a mail is about a case; it waits there for an answer (M-75)."""
    mail, typed = _mail(ask), Typed(ask.form)
    number = typed.text("case_id", "Write the number of the case.", most=200).upper()
    if number and ask.records.load(Case, number) is None:
        typed.is_wrong("case_id", "There is no case of that number.")
    if typed.as_typed:
        return _mail_page(ask, typed.as_typed, "case")
    answer = file_under_case(ask.records, mail_id=mail.id, case_id=number, **ask.acting())
    return _after(ask, typed, "case", answer, f"It is filed under {number} and waits there.")


@VIEWS.post(PATH + "/{mail_id}/discard", SPC, AMS)
def nothing(ask: Ask) -> Answer:
    """Note that a mail needs nothing (M-75)."""
    mail, typed = _mail(ask), Typed(ask.form)
    reason = typed.text("discard_reason", "Say why it needs nothing, or what was done.")
    if typed.as_typed:
        return _mail_page(ask, typed.as_typed, "discard")
    answer = discard(ask.records, mail_id=mail.id, reason=reason, **ask.acting())
    return _after(ask, typed, "discard", answer, "Noted: it needs nothing more.")


def _after(ask: Ask, typed: Typed, form: str, answer: object, said: str) -> Answer:
    if isinstance(answer, Refused):
        because = answer.because[:1].upper() + answer.because[1:]
        return _mail_page(ask, typed.refused(f"{because} (rule {answer.rule})"), form)
    return Go(f"{PATH}/{ask.names['mail_id']}", said=said)
