"""Papers and bank: what is on file and needed, sending it, and being paid to another account."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cloud.funding import process
from cloud.funding.published import in_words
from cloud.kernel.calendar import eastern_day
from cloud.kernel.decision import Refused
from cloud.kernel.ports import require
from cloud.kernel.routing import is_routing_number
from cloud.kernel.secret import Secret
from cloud.portal.asking import Answer, Ask, Away, Go, Page, Part, done, linked
from cloud.portal.partner_views.money_of import Chosen, chosen
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed, said_in
from cloud.portal.whose import ADMIN, organisation_asked, own_money
from cloud.portfolio import process as portfolio
from cloud.portfolio.models import AccountKind, Partner
from cloud.portfolio.papers import WAITING, BankChange, DocumentKind, DocumentState, PartnerDocument
from cloud.portfolio.policy import BANK_CHANGE_HOLD_HOURS
from cloud.reporting.own_papers import lasting
from cloud.service.uploads import UploadState

VIEWS = Views()
HERE = "/portal/papers"
BANK = HERE + "/bank"
SEND, CHANGE = "send_document", "ask_bank_change"
TAKES = "application/pdf,image/jpeg,image/png"
MOST_BYTES = 4_000_000
KINDS: Mapping[str, str] = {
    "w9": "W-9",
    "bank_authorization": "Bank authorization",
    "compliance": "Paper for a project's case",
}
STATES: Mapping[str, str] = {
    "announced": "Being scanned",
    "waiting": "Waits for us to look",
    "on_file": "On file",
    "refused": "Refused",
    "withdrawn": "Replaced",
}
CHANGES: Mapping[str, str] = {
    "asked": "Asked for",
    "agreed": "Agreed, on hold",
    "effective": "Counts",
    "rejected": "Stopped by us",
    "withdrawn": "Stopped by you",
}
_SECRET = ("account", "account_again")
"""Fields that are never shown again, not even to who typed them."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A paper that came with a form, or was there before; `waits` while its file is scanned."""

    document_id: str = ""
    waits: bool = False


@VIEWS.get(HERE, ADMIN)
def papers(ask: Ask) -> Page:
    """Show what is on file, what is needed, and where money goes; account numbers end only."""
    return _page(ask)


@VIEWS.post(HERE + "/send", ADMIN)
def send(ask: Ask) -> Answer:
    """Take a paper; somebody looks at it before it counts (F05, F18)."""
    typed = Typed(ask.form)
    kind = typed.one_of("kind", KINDS, "Choose what it is.")
    project = typed.text("project", most=200) if kind == DocumentKind.COMPLIANCE else ""
    if kind == DocumentKind.COMPLIANCE and not project:
        typed.is_wrong("project", "Name the project whose case it is for.")
    if not ask.form.files.get("paper"):
        typed.is_wrong("paper", "Choose the file.")
    if typed.as_typed is not None:
        return _page(ask, typed=typed.as_typed)
    found = _take(ask, DocumentKind(kind), typed, "paper", project_id=project)
    if found is None:
        return _page(ask, typed=typed.as_typed)
    said = "It has arrived and is being scanned." if found.waits else "It is here; we look at it."
    return Go(_here(ask), said=said)


@VIEWS.post(HERE + "/{document_id}/look", ADMIN)
def look(ask: Ask) -> Go:
    """Look again at a paper whose file was being scanned."""
    known = process.own_document(
        ask.records, document_id=ask.names["document_id"], partner_id=ask.partner_id
    ).record
    organisation_asked(ask, known.partner_id, action=SEND)
    answer = process.complete_document(
        ask.records,
        ask.house.outside,
        document_id=known.id,
        partner_id=ask.partner_id,
        **ask.acting(),
    )
    is_waiting = not isinstance(answer, Refused) and answer.upload.state is UploadState.SCANNING
    said = "It is still being scanned." if is_waiting else "The scan is over."
    return done(answer, to=_here(ask), said=said)


@VIEWS.get(HERE + "/{document_id}/file", ADMIN)
def paper_file(ask: Ask) -> Answer:
    """Lead to a paper that the organisation sent, for some minutes (U-08)."""
    known = process.own_document(
        ask.records, document_id=ask.names["document_id"], partner_id=ask.partner_id
    ).record
    organisation_asked(ask, known.partner_id, action=SEND)
    found = process.link_to_document(ask.house.outside.desk, known, at=ask.at)
    if isinstance(found, Refused):
        return Go(HERE, refused=found)
    return Away(found)


# ---- the account that is paid --------------------------------------------------------------------


@VIEWS.get(BANK, ADMIN)
def bank(ask: Ask) -> Page:
    """Show the form of a change of bank details (P-81)."""
    return _bank(ask)


@VIEWS.post(BANK + "/check", ADMIN)
def check(ask: Ask) -> Part:
    """Tell whether a routing number can be one, while it is typed; the account is not asked."""
    return Part("partner/bank_check.html", _routing(ask.form["routing"]))


@VIEWS.post(BANK, ADMIN)
def ask_change(ask: Ask) -> Answer:
    """Ask to be paid to another account, by an authorization for that account (P-81, F05)."""
    typed = Typed(ask.form)
    about = chosen(ask, action=CHANGE)
    routing = typed.text("routing", "Write the bank's nine digits.", most=20)
    if routing and not is_routing_number(routing):
        typed.is_wrong("routing", "These are not nine digits with a check digit: read them again.")
    kind = typed.one_of("account_kind", frozenset(AccountKind), "Choose what account it is.")
    account, again = ask.form["account"], ask.form["account_again"]
    if not account:
        typed.is_wrong("account", "Write the account number.")
    elif account != again:
        typed.is_wrong("account_again", "The two numbers differ: write both once more.")
    if typed.as_typed is not None:
        return _bank(ask, typed=typed.as_typed)
    paper = _authorization(ask, typed)
    if paper is None or paper.waits:
        return _bank(ask, typed=_again(ask, typed), paper=paper)
    answer = portfolio.ask_bank_change(
        ask.records,
        partner_id=about.partner_id,
        routing_number=routing,
        account_number=Secret(account),
        account_kind=AccountKind(kind),
        authorization_id=paper.document_id,
        **ask.acting(),
    )
    if isinstance(answer, Refused):
        field = {"invalid_account_number": "account", "invalid_routing_number": "routing"}
        return _bank(
            ask, typed=typed.refused(_said(answer), field.get(answer.code, "")), paper=paper
        )
    said = "It is asked for. Another person of ours agrees to it, and then a hold begins."
    return Go(_here(ask, about), said=said)


@VIEWS.post(BANK + "/{change_id}/withdraw", ADMIN)
def withdraw(ask: Ask) -> Answer:
    """Stop a change before it counts, also one that was agreed to (P-81)."""
    change = own_money(ask, BankChange, ask.names["change_id"], action=CHANGE).record
    typed = Typed(ask.form)
    because = typed.text("because", "Say why: it is told to everybody at your addresses.", most=200)
    if typed.as_typed is not None:
        return _page(ask, typed=typed.as_typed)
    answer = portfolio.withdraw_bank_change(
        ask.records, change_id=change.id, because=because, **ask.acting()
    )
    if isinstance(answer, Refused):
        return _page(ask, typed=typed.refused(_said(answer), "because"))
    said = "It is stopped. Money goes on to the account that counts."
    return Go(_here(ask), said=said)


# ---- what pages show -----------------------------------------------------------------------------


def _page(ask: Ask, *, typed: AsTyped | None = None) -> Page:
    about = chosen(ask, action=SEND)
    partner = _partner(ask, about)
    found = process.documents_of(ask.records, about.partner_id)
    changes = portfolio.bank_changes_of(ask.records, about.partner_id)
    today = eastern_day(ask.at)
    return Page(
        "partner/papers.html",
        "Papers and bank",
        {
            "about": about,
            "it": partner,
            "needed": _needed(partner, found),
            "documents": sorted(found, key=_place)[:50],
            "lasting": lasting(partner, today=today),
            "today": today,
            "change": next((one for one in reversed(changes) if one.state in WAITING), None),
            "changes": [one for one in reversed(changes) if one.state not in WAITING][:10],
            "hold": BANK_CHANGE_HOLD_HOURS.on(today),
            "kinds": KINDS,
            "states": STATES,
            "change_states": CHANGES,
            "takes": TAKES,
            "typed": typed,
        },
        422 if typed else 200,
    )


def _bank(ask: Ask, *, typed: AsTyped | None = None, paper: Sent | None = None) -> Page:
    about = chosen(ask, action=CHANGE)
    changes = portfolio.bank_changes_of(ask.records, about.partner_id)
    safe = typed and replace(
        typed, said={name: said for name, said in typed.said.items() if name not in _SECRET}
    )
    return Page(
        "partner/bank.html",
        "Another bank account",
        {
            **_routing(ask.form["routing"]),
            "about": about,
            "it": _partner(ask, about),
            "change": next((one for one in changes if one.state in WAITING), None),
            "waiting": _unused(ask, about, changes),
            "paper": paper if paper and paper.document_id else None,
            "hold": BANK_CHANGE_HOLD_HOURS.on(eastern_day(ask.at)),
            "takes": TAKES,
            "typed": safe,
        },
        422 if typed else 200,
    )


def _again(ask: Ask, typed: Typed) -> AsTyped:
    """Give a form as it was filled in, also where nothing is wrong and a file is scanned."""
    return typed.as_typed or AsTyped(said_in(ask.form), {})


def _routing(number: str) -> dict[str, Any]:
    return {"routing": number, "is_routing": is_routing_number(number)}


def _needed(partner: Partner, found: tuple[PartnerDocument, ...]) -> list[dict[str, Any]]:
    """Give the two papers that nobody is paid without, and how each stands (F05)."""
    gates = {
        DocumentKind.W9: partner.w9_on_file,
        DocumentKind.BANK_AUTHORIZATION: partner.bank_authorization_on_file,
    }
    return [
        {
            "name": KINDS[kind],
            "is_on_file": is_there,
            "latest": next((one for one in reversed(found) if one.kind is kind), None),
        }
        for kind, is_there in gates.items()
    ]


def _unused(ask: Ask, about: Chosen, changes: tuple[BankChange, ...]) -> list[tuple[str, str]]:
    """Give the authorizations that wait and that no change has named, each with when it came."""
    named = {one.authorization_id for one in changes}
    return [
        (one.id, f"Sent {in_words(eastern_day(one.recorded_at))}")
        for one in process.documents_of(ask.records, about.partner_id)
        if one.kind is DocumentKind.BANK_AUTHORIZATION
        and one.state is DocumentState.WAITING
        and one.upload_id
        and one.id not in named
    ]


def _authorization(ask: Ask, typed: Typed) -> Sent | None:
    """Give the paper for the new account: the file that came now, or one that was sent before."""
    if ask.form.files.get("paper"):
        return _take(ask, DocumentKind.BANK_AUTHORIZATION, typed, "paper")
    name = ask.form["authorization"]
    if not name:
        typed.is_wrong("paper", "Add the bank authorization for the new account.")
        return None
    document = process.own_document(ask.records, document_id=name, partner_id=ask.partner_id).record
    if document.state is not DocumentState.ANNOUNCED:
        return Sent(document.id)
    answer = process.complete_document(
        ask.records,
        ask.house.outside,
        document_id=name,
        partner_id=ask.partner_id,
        **ask.acting(),
    )
    return _sent(answer, typed, "paper")


def _take(
    ask: Ask, kind: DocumentKind, typed: Typed, field: str, *, project_id: str = ""
) -> Sent | None:
    file = ask.form.files[field][-1]
    if len(file.content) > MOST_BYTES:
        typed.is_wrong(field, "The file is larger than 4 MB: send it smaller, as a PDF.")
        return None
    about = chosen(ask, action=SEND)
    answer = process.take_document(
        ask.records,
        ask.house.outside,
        partner_id=about.partner_id,
        kind=kind,
        project_id=project_id,
        name=file.name,
        content_type=file.content_type,
        content=file.content,
        **ask.acting(),
    )
    return _sent(answer, typed, field)


def _sent(answer: process.SentDocument | Refused, typed: Typed, field: str) -> Sent | None:
    if isinstance(answer, Refused):
        typed.is_wrong(field, _said(answer))
        return None
    if answer.upload.state is UploadState.REFUSED:
        typed.is_wrong(field, f"It was refused: {answer.upload.because}.")
        return None
    return Sent(answer.document.id, waits=answer.upload.state is not UploadState.KEPT)


def _partner(ask: Ask, about: Chosen) -> Partner:
    return require(ask.records.load(Partner, about.partner_id), "partner", about.partner_id).record


def _place(document: PartnerDocument) -> tuple[int, float]:
    order = (DocumentState.REFUSED, DocumentState.ANNOUNCED, DocumentState.WAITING)
    is_urgent = document.state in order
    return (order.index(document.state) if is_urgent else 9), -document.recorded_at.timestamp()


def _here(ask: Ask, about: Chosen | None = None) -> str:
    about = about or chosen(ask, action=SEND)
    return linked(HERE, organisation=about.asked)


def _said(refused: Refused) -> str:
    return f"{refused.because[:1].upper()}{refused.because[1:]} (rule {refused.rule})."
