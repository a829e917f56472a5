"""What waits on the desks of the town: papers, accounts, wishes, questions, requests for help."""

import hashlib
from collections.abc import Sequence
from datetime import date, time
from functools import partial

from cloud.adapters import wiring
from cloud.funding import process as funding
from cloud.kernel.secret import Secret
from cloud.local.town.making import (
    ACCOUNTANT,
    AFTERMARKET,
    OTHER_APPROVER,
    PROJECTS,
    RELATIONS,
    Town,
    days_before_end,
    office,
)
from cloud.local.town.pages import paper
from cloud.local.town.partners import BY_ID
from cloud.local.town.projects import Course, Life, is_in_story
from cloud.portfolio import process as portfolio
from cloud.portfolio.organisation import OptInState
from cloud.portfolio.papers import DocumentKind, PartnerDocument
from cloud.service import process as service
from cloud.service.models import ReportedFamily
from cloud.service.uploads import Announced, Purpose
from cloud.telemetry.configuring import configure

_ADMINS = {"P-ALDER": "ines.alder", "P-SACRAMENTO": "maria.sacramento"}
_PDF = "application/pdf"


def asker_of(partner_id: str) -> str:
    """Give who speaks for a partner about money: its Accounting Admin, or its program."""
    return _ADMINS.get(partner_id, f"client-{BY_ID[partner_id].mailbox}")


def plan(town: Town, listed: Sequence[Course]) -> None:
    """Put what comes to the desks on the agenda."""
    _plan_papers(town)
    _plan_wishes(town)
    _plan_help(town, listed)
    _plan_gateways(town, listed)
    town.at(office(days_before_end(11), time(10, 20)), _questions)
    town.at(office(days_before_end(8), time(11, 40)), _answers)


# ---------------------------------------------------------------------- papers and accounts
def _plan_papers(town: Town) -> None:
    w9, bank = DocumentKind.W9, DocumentKind.BANK_AUTHORIZATION
    town.at(office(date(2026, 1, 8)), partial(_accepted, partner_id="P-HARBOR", kind=bank))
    town.at(office(date(2026, 1, 9)), partial(_refused, partner_id="P-HARBOR", kind=w9))
    town.at(office(days_before_end(3)), partial(_sent, partner_id="P-HARBOR", kind=w9))
    town.at(office(days_before_end(24), time(14, 30)), _withdrawn)
    account = partial(_new_account, partner_id="P-SONORA", is_agreed=True)
    town.at(office(date(2026, 4, 13), time(10, 45)), account)
    asked = partial(_new_account, partner_id="P-ALDER", is_agreed=False)
    town.at(office(days_before_end(3), time(13, 15)), asked)
    held = partial(_new_account, partner_id="P-GARDEN", is_agreed=True)
    town.at(office(days_before_end(3), time(16, 20)), held)


def _sent(town: Town, *, partner_id: str, kind: DocumentKind) -> PartnerDocument:
    """Let a partner send a paper through its own door; it waits for a person then."""
    content = paper(f"{kind} of {BY_ID[partner_id].name}, {town.now:%d %B %Y}")
    who = asker_of(partner_id)
    digest = hashlib.sha256(content).hexdigest()
    file = Announced(Purpose.EVIDENCE, f"{kind}.pdf", _PDF, len(content), digest)
    desk = town.outside.desk
    asked = town.do(
        funding.request_document, desk, partner_id=partner_id, kind=kind, file=file, by=who
    )
    desk.put(asked.upload.quarantine, content, _PDF)
    done = town.do(
        funding.complete_document,
        town.outside,
        document_id=asked.document.id,
        partner_id=partner_id,
        by=who,
    )
    return done.document


def _accepted(town: Town, *, partner_id: str, kind: DocumentKind) -> None:
    waiting = _sent(town, partner_id=partner_id, kind=kind)
    town.do(portfolio.accept_document, document_id=waiting.id, by=PROJECTS)


def _refused(town: Town, *, partner_id: str, kind: DocumentKind) -> None:
    waiting = _sent(town, partner_id=partner_id, kind=kind)
    because = "it names another company than the agreement"
    town.do(portfolio.refuse_document, document_id=waiting.id, because=because, by=PROJECTS)


def _withdrawn(town: Town) -> None:
    """Withdraw a bank authorization: the partner's payments wait since then."""
    for one in funding.documents_of(town.records, "P-GULF"):
        if one.kind is DocumentKind.BANK_AUTHORIZATION and one.is_on_file:
            because = "whoever signed it has left the company; a new one was asked for"
            named = {"document_id": one.id, "because": because}
            town.do(portfolio.withdraw_partner_document, **named, by=PROJECTS)


def _new_account(town: Town, *, partner_id: str, is_agreed: bool) -> None:
    waiting = _sent(town, partner_id=partner_id, kind=DocumentKind.BANK_AUTHORIZATION)
    asked = town.do(
        portfolio.ask_bank_change,
        partner_id=partner_id,
        routing_number="011401533",
        account_number=Secret("000771204418"),
        authorization_id=waiting.id,
        by=asker_of(partner_id),
    )
    if is_agreed:
        town.do(portfolio.agree_bank_change, change_id=asked.id, by=OTHER_APPROVER)


# ---------------------------------------------------------------------- wishes and questions
def _plan_wishes(town: Town) -> None:
    wishes = (
        ("P-GULF", date(2026, 2, 10), OptInState.DECLINED),
        ("P-LONESTAR", date(2026, 3, 17), OptInState.GRANTED),
        ("P-PRAIRIE", days_before_end(6), OptInState.ASKED),
        ("P-GULF", days_before_end(4), OptInState.ASKED),
    )
    for partner_id, day, state in wishes:
        town.at(office(day, time(15, 45)), partial(_wish, partner_id=partner_id, state=state))


def _wish(town: Town, *, partner_id: str, state: OptInState) -> None:
    asked = town.may(
        portfolio.request_opt_in,
        partner_id=partner_id,
        says="we have two crews for service work since this month",
        by=asker_of(partner_id),
    )
    if asked is not None and state is not OptInState.ASKED:
        reason = "three late answers this quarter" if state is OptInState.DECLINED else ""
        named = {"request_id": asked.id, "state": state, "reason": reason}
        town.do(portfolio.decide_opt_in, **named, by=RELATIONS)


_QUESTIONS = (
    ("P-ALDER", "Offset on our last payment", "Which invoice does the offset of $600 belong to?"),
    ("P-ALDER", "Date of a milestone", "Is M1 the day of submission or of approval for us?"),
    ("P-SACRAMENTO", "Paused payment", "What do you still need for the paused project?"),
)


def _questions(town: Town) -> None:
    for number, (partner_id, subject, question) in enumerate(_QUESTIONS):
        town.do(
            funding.ask_tier2,
            partner_id=partner_id,
            roles=frozenset({"accounting_admin"}),
            subject=subject,
            question=question,
            key=f"question-{number}",
            by=asker_of(partner_id),
        )


def _answers(town: Town) -> None:
    ticket = funding.tickets_of(town.records, "P-ALDER")[0]
    text = "It is the warranty of a listed inverter; the line of the advice names the project."
    town.do(funding.answer_ticket, ticket_id=ticket.id, text=text, by=ACCOUNTANT)


# ---------------------------------------------------------------------- customers
_CALLS = (
    (ReportedFamily.LOW_PRODUCTION, "Our system makes less than last June.", True),
    (ReportedFamily.OTHER, "A module on the garage rattles in the wind.", True),
    (ReportedFamily.NO_PRODUCTION, "Nothing at all since Saturday morning.", False),
    (ReportedFamily.MONITORING, "I have a new router and the app is empty.", False),
    (ReportedFamily.PHYSICAL_DAMAGE, "A branch fell on the roof and cracked a module.", False),
    (ReportedFamily.OTHER, "Please send me your offer for a loan.", False),
)


def _plan_help(town: Town, listed: Sequence[Course]) -> None:
    active = [one for one in listed if one.life is Life.ACTIVE and not is_in_story(one.home)]
    for number, course in enumerate(active[4::17][: len(_CALLS)]):
        at = office(days_before_end(6 - number), time(8, 20 + 7 * number))
        town.at(at, partial(_ask_for_help, course=course, number=number))


def _ask_for_help(town: Town, *, course: Course, number: int) -> None:
    family, says, is_known = _CALLS[number]
    home = course.home
    request = service.ask_for_help(
        town.records,
        name=home.name,
        email=home.email if is_known else f"{home.name.split()[0].lower()}@post.example",
        phone=home.phone,
        address=home.address if is_known else home.address.partition(",")[0],
        family=family,
        is_grid_out=False,
        says=says,
        at=town.now,
    )
    town.settle()
    if number == len(_CALLS) - 1:
        because = "an advertisement, and no customer of ours"
        named = {"request_id": request.id, "because": because}
        town.do(service.dismiss_help_request, **named, by=AFTERMARKET)


# ---------------------------------------------------------------------- gateways
_CHANGES = ({"poll_s": 60, "window_s": 900}, {"log": "debug"}, {"window_s": 1800})


def _plan_gateways(town: Town, listed: Sequence[Course]) -> None:
    told = [one for one in listed if is_in_story(one.home)]
    for number, course in enumerate(told[: len(_CHANGES)]):
        at = office(days_before_end(5 - number), time(9, 25))
        town.at(at, partial(_configure, course=course, number=number))


def _configure(town: Town, *, course: Course, number: int) -> None:
    gateway_id = course.home.gateway_id
    town.do(
        configure,
        wiring.downlink(),
        gateway_id=gateway_id,
        changes=_CHANGES[number],
        by=AFTERMARKET,
    )
