"""Papers and bank details: what waits to be looked at, and accounts that need a second person."""

from collections.abc import Mapping
from typing import Any

from cloud.funding import process as funding
from cloud.funding.prenotes import usable_from
from cloud.kernel.calendar import eastern_day
from cloud.kernel.decision import Refused
from cloud.kernel.routing import is_routing_number
from cloud.kernel.secret import Secret
from cloud.portal.asking import Absent, Answer, Ask, Away, Go, Page, done, linked
from cloud.portal.console_views.money_desk import everywhere, one_of, partner_names, shown, told
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed
from cloud.portfolio import process as portfolio
from cloud.portfolio.models import AccountKind, Partner, Prenote
from cloud.portfolio.organisation import RelationshipManager
from cloud.portfolio.papers import (
    REVIEW,
    WAITING,
    BankChange,
    BankChangeState,
    DocumentKind,
    DocumentState,
    PartnerDocument,
    takes_effect,
)
from cloud.portfolio.policy import BANK_CHANGE_HOLD_HOURS, TWO_PEOPLE
from cloud.reporting.roles import ACCOUNTANT, ACCOUNTING, AUDITOR, PROJECTS, RM

VIEWS = Views()
HERE, BANK = "/console/papers", "/console/bank_changes"
LIST_READERS = (ACCOUNTANT, ACCOUNTING, AUDITOR)
READERS = (*LIST_READERS, PROJECTS)
"""`PROJECTS` sees what came for cases of projects, and nothing else."""
ONE_READERS = (*READERS, RM)
KINDS: Mapping[str, str] = {
    DocumentKind.W9: "W-9",
    DocumentKind.BANK_AUTHORIZATION: "Bank payment authorization",
    DocumentKind.COMPLIANCE: "Paper for a case",
}
STATES: Mapping[str, str] = {
    "waiting": "Wait for a decision",
    "announced": "Announced, not there yet",
    "on_file": "On file",
    "refused": "Refused",
    "withdrawn": "Withdrawn",
}
CHANGES: Mapping[str, str] = {
    "asked": "Wait for a second person",
    "agreed": "In the hold",
    "effective": "Count",
    "rejected": "Rejected",
    "withdrawn": "Taken back",
}
_SECRET = ("account_number", "account_again")
"""Fields that are never shown again, not even to who typed them."""
PRENOTES: Mapping[str, str] = {
    Prenote.NOT_NEEDED: "The account was paid to before: the bank need not be asked.",
    Prenote.DUE: "The bank is asked about the account with the next run; money waits.",
}


# ---- papers --------------------------------------------------------------------------------------


@VIEWS.get(HERE, *READERS)
def papers(ask: Ask) -> Page:
    """Show the papers in one state and the changes of bank details that wait (F05, F18, P-81)."""
    state, names = one_of(ask, "state", STATES) or "waiting", partner_names(ask)
    partner_id = one_of(ask, "partner", names)
    found = [one for one in _papers(ask, state) if partner_id in {"", one.partner_id}]
    found.sort(key=lambda one: (one.recorded_at, one.id), reverse=state not in {"waiting"})
    sees_bank = _sees_bank(ask)
    return Page(
        "console/papers.html",
        "Papers and bank",
        {
            **everywhere(ask),
            "page": shown(ask, found, state=state, partner=partner_id),
            "states": [
                (says, linked(HERE, state=name, partner=partner_id), name == state, None)
                for name, says in STATES.items()
            ]
            if sees_bank
            else [],
            "says": STATES,
            "state": state,
            "kinds": KINDS,
            "names": names,
            "partner_id": partner_id,
            "changes": _changes(ask, *WAITING) if sees_bank else [],
            "change_says": CHANGES,
            "sees_bank": sees_bank,
            "review": REVIEW,
        },
    )


def _sees_bank(ask: Ask) -> bool:
    return bool(ask.visitor.roles & {*LIST_READERS})


def _papers(ask: Ask, state: str) -> list[PartnerDocument]:
    """Give the papers in a state; to who looks after projects those that wait for that person."""
    if _sees_bank(ask):
        stored = ask.records.find(PartnerDocument, by="state", value=DocumentState(state))
        return [one.record for one in stored]
    waiting = [one.record for one in ask.records.find(PartnerDocument, by="task", value=REVIEW)]
    return [one for one in waiting if one.kind is DocumentKind.COMPLIANCE]


def _changes(ask: Ask, *states: BankChangeState) -> list[BankChange]:
    found = [
        one.record
        for state in states
        for one in ask.records.find(BankChange, by="state", value=state)
    ]
    return sorted(found, key=lambda one: (one.takes_effect_at or one.asked_at, one.id))


@VIEWS.get(HERE + "/{document_id}", *ONE_READERS)
def one_paper(ask: Ask) -> Page:
    """Show one paper: whose, what it opens, and who may decide on it."""
    return _paper(ask)


def _asked_paper(ask: Ask) -> PartnerDocument:
    """Give a paper that this person may see; to who looks after projects, those of cases."""
    found = ask.records.load(PartnerDocument, ask.names["document_id"])
    sees_all = bool(ask.visitor.roles & {*LIST_READERS, RM})
    if found is None or not (sees_all or found.record.kind is DocumentKind.COMPLIANCE):
        raise Absent
    return found.record


def _paper(ask: Ask, typed: AsTyped | None = None, form: str = "") -> Page:
    paper, roles = _asked_paper(ask), ask.visitor.roles
    partner = ask.records.load(Partner, paper.partner_id)
    is_authorization = paper.kind is DocumentKind.BANK_AUTHORIZATION
    on_file = partner is not None and partner.record.bank_authorization_on_file
    waits = paper.state is DocumentState.WAITING
    changes = portfolio.bank_changes_of(ask.records, paper.partner_id) if is_authorization else ()
    names_it = [one for one in changes if one.authorization_id == paper.id]
    is_case = paper.kind is DocumentKind.COMPLIANCE
    shows: dict[str, Any] = {
        **everywhere(ask),
        "paper": paper,
        "partner": partner.record if partner is not None else None,
        "kinds": KINDS,
        "says": STATES,
        "names": partner_names(ask),
        "changes": names_it,
        "change_says": CHANGES,
        "is_beside": waits and is_authorization and on_file,
        "is_case": is_case,
        "may_open": bool(paper.reference) and _may_open(ask, paper),
        "may_accept": ACCOUNTANT in roles and waits and not (is_authorization and on_file),
        "may_refuse": ACCOUNTANT in roles and waits,
        "may_review": PROJECTS in roles and is_case and paper.task == REVIEW,
        "may_withdraw": bool(roles & {RM, ACCOUNTANT}) and paper.is_on_file and not is_case,
        "is_own": paper.recorded_by == ask.by and waits,
        "may_ask": ACCOUNTANT in roles and waits and is_authorization and on_file and not names_it,
        "account_kinds": [(str(one), str(one).capitalize()) for one in AccountKind],
        "sees_bank": _sees_bank(ask),
        "log": [
            one
            for one in (
                ask.log(paper.project_id, of="project")
                if paper.project_id
                else ask.log(paper.partner_id, of="partner")
            )
            if paper.id in one.causes
        ],
        "to": f"{HERE}/{paper.id}",
        "typed": typed,
        "form": form,
        "here": HERE,
    }
    return Page("console/paper.html", KINDS[paper.kind], shows, 422 if typed else 200)


def _may_open(ask: Ask, paper: PartnerDocument) -> bool:
    able = {ACCOUNTANT, ACCOUNTING}
    if paper.project_id:
        able.add(PROJECTS)
    return bool(ask.visitor.roles & able)


@VIEWS.get(HERE + "/{document_id}/file", ACCOUNTANT, ACCOUNTING, PROJECTS)
def paper_file(ask: Ask) -> Answer:
    """Lead to the file of a paper, for some minutes (U-08)."""
    paper = _asked_paper(ask)
    if not _may_open(ask, paper):
        raise Absent
    link = funding.link_to_document(ask.house.outside.desk, paper, at=ask.at)
    if isinstance(link, Refused):
        return Go(f"{HERE}/{paper.id}", refused=link)
    return Away(link)


@VIEWS.post(HERE + "/{document_id}/accept", ACCOUNTANT)
def accept(ask: Ask) -> Answer:
    """Accept a paper that waits; payments no longer wait for its kind (F05)."""
    document_id = ask.names["document_id"]
    answer = portfolio.accept_document(ask.records, document_id=document_id, **ask.acting())
    said = "It is on file. Payments no longer wait for it."
    return done(answer, to=f"{HERE}/{document_id}", said=said)


@VIEWS.post(HERE + "/{document_id}/refuse", ACCOUNTANT)
def refuse(ask: Ask) -> Answer:
    """Refuse a paper that waits; the partner is told why (F05)."""
    typed = Typed(ask.form)
    because = typed.text("refuse_reason", "Say why: the partner is told it.")
    if typed.as_typed:
        return _paper(ask, typed.as_typed, "refuse")
    document_id = ask.names["document_id"]
    answer = portfolio.refuse_document(
        ask.records, document_id=document_id, because=because, **ask.acting()
    )
    if isinstance(answer, Refused):
        return _paper(ask, typed.refused(told(answer)), "refuse")
    return Go(f"{HERE}/{document_id}", said="It is refused. The partner is told why.")


@VIEWS.post(HERE + "/{document_id}/review", PROJECTS)
def review(ask: Ask) -> Answer:
    """Note that a paper of a case was looked at; it decides nothing (F18)."""
    document_id = ask.names["document_id"]
    answer = portfolio.review_document(ask.records, document_id=document_id, **ask.acting())
    said = "It is noted that you looked at it. The case itself is closed on its project's page."
    return done(answer, to=f"{HERE}/{document_id}", said=said)


@VIEWS.post(HERE + "/{document_id}/withdraw", RM, ACCOUNTANT)
def withdraw(ask: Ask) -> Answer:
    """Withdraw a paper; payments wait unless another one of its kind is on file (F05)."""
    typed = Typed(ask.form)
    because = typed.text("withdraw_reason", "Say why.")
    if typed.as_typed:
        return _paper(ask, typed.as_typed, "withdraw")
    document_id = ask.names["document_id"]
    answer = portfolio.withdraw_partner_document(
        ask.records, document_id=document_id, because=because, **ask.acting()
    )
    if isinstance(answer, Refused):
        return _paper(ask, typed.refused(told(answer)), "withdraw")
    said = "It counts no more. Payments wait unless another one of its kind is on file."
    return Go(f"{HERE}/{document_id}", said=said)


@VIEWS.post(HERE + "/{document_id}/bank_change", ACCOUNTANT)
def ask_change(ask: Ask) -> Answer:
    """Ask for other bank details in a partner's name, by its authorization (P-81, P-85)."""
    paper, typed = _asked_paper(ask), Typed(ask.form)
    routing = typed.text("routing_number", "Write the nine digits.", most=20)
    account = typed.text("account_number", "Write the account number.", most=40)
    if account and account != ask.form["account_again"]:
        typed.is_wrong("account_again", "The two numbers differ: write both once more.")
    kind = typed.one_of("account_kind", {str(one): one for one in AccountKind}, "Choose one.")
    if typed.as_typed:
        return _paper(ask, _without_account(typed.as_typed), "bank")
    answer = portfolio.ask_bank_change(
        ask.records,
        partner_id=paper.partner_id,
        routing_number=routing,
        account_number=Secret(account),
        account_kind=AccountKind(kind),
        authorization_id=paper.id,
        **ask.acting(),
    )
    if isinstance(answer, Refused):
        return _paper(ask, _without_account(typed.refused(told(answer))), "bank")
    said = "It is asked for. The partner is told at once; an accounting admin agrees or rejects."
    return Go(f"{BANK}/{answer.id}", said=said)


def _without_account(typed: AsTyped) -> AsTyped:
    """Give the form without the account number: it is never sent back to a browser."""
    return AsTyped({**typed.said, **dict.fromkeys(_SECRET, "")}, typed.wrong)


# ---- bank details --------------------------------------------------------------------------------


@VIEWS.get(BANK, *LIST_READERS)
def bank_changes(ask: Ask) -> Page:
    """Show the changes of bank details in one state; accounts show four digits (P-81)."""
    state = one_of(ask, "state", CHANGES) or "asked"
    found = _changes(ask, BankChangeState(state))
    if state not in {"asked", "agreed"}:
        found.reverse()
    return Page(
        "console/bank_changes.html",
        "Changes of bank details",
        {
            **everywhere(ask),
            "page": shown(ask, found, state=state),
            "states": [
                (says, linked(BANK, state=name), name == state, None)
                for name, says in CHANGES.items()
            ],
            "change_says": CHANGES,
            "state": state,
            "names": partner_names(ask),
            "here": HERE,
        },
    )


@VIEWS.get(BANK + "/{change_id}", *LIST_READERS)
def one_change(ask: Ask) -> Page:
    """Show one change beside what is paid to now, the people behind it, and when it counts."""
    return _change(ask)


def _change(ask: Ask, typed: AsTyped | None = None, form: str = "reject") -> Page:
    found = ask.records.load(BankChange, ask.names["change_id"])
    if found is None:
        raise Absent
    change, roles = found.record, ask.visitor.roles
    partner = ask.records.load(Partner, change.partner_id)
    paper = ask.records.load(PartnerDocument, change.authorization_id)
    manager: RelationshipManager | None = portfolio.relationship_manager_of(
        ask.records, change.partner_id
    )
    asked = change.state is BankChangeState.ASKED
    agreed = change.state is BankChangeState.AGREED
    sent_on = partner.record.prenote_sent_on if partner is not None else None
    is_over = change.takes_effect_at is not None and change.takes_effect_at <= ask.at
    shows: dict[str, Any] = {
        **everywhere(ask),
        "change": change,
        "partner": partner.record if partner is not None else None,
        "paper": paper.record if paper is not None else None,
        "manager": manager,
        "change_says": CHANGES,
        "paper_says": STATES,
        "names": partner_names(ask),
        "may_agree": ACCOUNTING in roles and asked and change.asked_by != ask.by,
        "is_own": asked and ACCOUNTING in roles and change.asked_by == ask.by,
        "may_reject": bool(roles & {ACCOUNTANT, ACCOUNTING}) and change.state in WAITING,
        "may_apply": ACCOUNTANT in roles and agreed and is_over,
        "would_count": takes_effect(ask.at) if asked else None,
        "hold_hours": BANK_CHANGE_HOLD_HOURS.on(eastern_day(ask.at)),
        "two_people": TWO_PEOPLE.id,
        "prenotes": PRENOTES,
        "usable_from": usable_from(sent_on) if sent_on is not None else None,
        "log": [one for one in ask.log(change.partner_id, of="partner") if change.id in one.causes],
        "to": f"{BANK}/{change.id}",
        "typed": typed,
        "form": form if typed else "",
        "here": HERE,
        "is_routing": is_routing_number,
        "may_open": paper is not None
        and bool(paper.record.reference)
        and _may_open(ask, paper.record),
    }
    return Page("console/bank_change.html", "Change of bank details", shows, 422 if typed else 200)


@VIEWS.post(BANK + "/{change_id}/agree", ACCOUNTING)
def agree(ask: Ask) -> Answer:
    """Agree as the second person; the details count after the hold (D09, P-81).

    Who agrees says that the details are those of the paper: nobody else looks at both.
    """
    change_id, typed = ask.names["change_id"], Typed(ask.form)
    if not ask.form.has("compared"):
        typed.is_wrong("compared", "Open the authorization, compare, and tick this.")
        return _change(ask, typed.as_typed, "agree")
    answer = portfolio.agree_bank_change(ask.records, change_id=change_id, **ask.acting())
    said = "You agreed. The account counts when the hold is over; the partner is told."
    return done(answer, to=f"{BANK}/{change_id}", said=said)


@VIEWS.post(BANK + "/{change_id}/reject", ACCOUNTANT, ACCOUNTING)
def reject(ask: Ask) -> Answer:
    """Stop a change before it counts, also during the hold (P-81)."""
    typed = Typed(ask.form)
    because = typed.text("reason", "Say why: the partner is told it.")
    if typed.as_typed:
        return _change(ask, typed.as_typed)
    change_id = ask.names["change_id"]
    answer = portfolio.reject_bank_change(
        ask.records, change_id=change_id, because=because, **ask.acting()
    )
    if isinstance(answer, Refused):
        return _change(ask, typed.refused(told(answer)))
    return Go(f"{BANK}/{change_id}", said="It is stopped. The account that is paid stays.")


@VIEWS.post(BANK + "/{change_id}/apply", ACCOUNTANT)
def apply(ask: Ask) -> Answer:
    """Have a change applied whose hold is over and whose message was lost (P-81)."""
    change_id = ask.names["change_id"]
    answer = portfolio.tell_bank_change_due(ask.records, change_id=change_id, **ask.acting())
    return done(answer, to=f"{BANK}/{change_id}", said="It is on its way, and counts in a moment.")
