"""Back-bills: what is taken for workmanship, and why; and the disputes, level by level."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from cloud.invoicing import process
from cloud.invoicing.disputes import ages
from cloud.invoicing.exposure import exposure
from cloud.invoicing.models import BackBill, BackBillState, Dispute, DisputeState, Subject
from cloud.invoicing.policy import BACK_BILL_MARKUP_BPS
from cloud.kernel.decision import Refused
from cloud.kernel.money import ZERO
from cloud.portal.asking import Absent, Answer, Ask, Away, Go, Page, done
from cloud.portal.partner_views.money_of import shown
from cloud.portal.routes import EVERYBODY, Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed, said_in
from cloud.portal.whose import ADMIN, own
from cloud.service.disputes import next_step
from cloud.service.models import WorkOrder
from cloud.service.policy import DISPUTE_LEVELS
from cloud.service.process import complete_upload, link_to, load_upload, take_attachment
from cloud.service.process.uploads import uploads_of
from cloud.service.uploads import PREFIX, Purpose, UploadState

VIEWS = Views()
HERE = "/portal/back_bills"
DISPUTES = HERE + "/disputes"
ONE = DISPUTES + "/{dispute_id}"
TAKES = "application/pdf,image/jpeg,image/png"
MOST_BYTES = 4_000_000

STATES: Mapping[str, str] = {
    "candidate": "May come: cause open",
    "pending": "May come: cause open",
    "confirmed": "Will come",
    "notified": "You can dispute it",
    "disputed": "Held by a dispute",
    "posted": "Handed to the funding runs",
    "settled": "Taken",
    "dropped": "Nothing is owed",
    "credited": "Given back",
}
"""State -> what partners call it."""
TONES: Mapping[str, str] = {
    "candidate": "wait",
    "pending": "wait",
    "confirmed": "warn",
    "notified": "warn",
    "disputed": "warn",
    "posted": "calm",
    "settled": "done",
    "dropped": "ok",
    "credited": "ok",
}
LEVELS: Mapping[str, str] = {
    "spc": "Coordinator",
    "relationship_manager": "Relationship manager",
    "partner_agreement": "Partner agreement",
}
KINDS: Mapping[str, str] = {
    "back_bill": "A back-bill",
    "finding": "The cause that was found",
    "invoice": "A decision on an invoice",
    "sla_breach": "A missed deadline",
    "pause": "A decision on a pause",
}
OFFERS: Mapping[str, str] = {
    "declined": "You declined the work order.",
    "no_response": "You did not answer the offer.",
    "could_not_respond_emergency": "It was an emergency, and nobody of yours could respond.",
    "accepted": "You accepted the work order: nothing is back-billed.",
    "not_offered": "You were not offered the work: nothing is back-billed.",
}
OUTCOMES: Mapping[str, str] = {
    "upheld": "The claim stands",
    "overturned": "Decided for you",
    "partial": "Decided for you in part",
}
_OPEN = (BackBillState.NOTIFIED, BackBillState.DISPUTED, BackBillState.CONFIRMED)
_OVER = frozenset({BackBillState.DROPPED, BackBillState.CREDITED, BackBillState.SETTLED})


@dataclass(frozen=True, slots=True)
class Files:
    """Files that came with a form.

    Attributes:
        kept: their references, those of before included.
        waits: one of them is still being scanned.
        is_wrong: one of them was not taken.
    """

    kept: tuple[str, ...] = ()
    waits: bool = False
    is_wrong: bool = False

    @property
    def is_held(self) -> bool:
        """Whether the form is shown again for their sake."""
        return self.waits or self.is_wrong


NO_FILES = Files()


@dataclass(frozen=True, slots=True)
class LevelShown:
    """One level of a dispute: where it is, how long it lay there, or that it may still come."""

    name: str
    since: datetime | None
    lay: timedelta | None
    is_now: bool


# ---- back-bills ----------------------------------------------------------------------------------


@VIEWS.get(HERE, EVERYBODY)
def back_bills(ask: Ask) -> Page:
    """List what the partner is or may be back-billed, and its disputes; what is due first."""
    bills = [
        one.record for one in ask.records.find(BackBill, by="partner_id", value=ask.partner_id)
    ]
    disputes = [
        one.record for one in ask.records.find(Dispute, by="partner_id", value=ask.partner_id)
    ]
    page = shown(ask, sorted(bills, key=_place))
    ids = sorted({one.work_order_id for one in page.rows})
    orders = ask.records.load_all(WorkOrder, ids)
    second = shown(ask, sorted(disputes, key=_by_state), at="disputes", size=20)
    return Page(
        "partner/back_bills.html",
        "Back-bills and disputes",
        {
            **_WORDS,
            "page": page,
            "second": second,
            "orders": {one: stored.record for one, stored in orders.items()},
            "ours": {
                one
                for one, stored in orders.items()
                if any(it.partner_id == ask.partner_id for it in stored.record.assignments)
            },
            "exposed": exposure(bills, as_of=ask.at).get(ask.partner_id),
        },
    )


@VIEWS.get(HERE + "/{back_bill_id}", EVERYBODY)
def one_bill(ask: Ask) -> Page:
    """Show one back-bill: both keys, what it comes to, what was told and what was taken (B-53)."""
    bill = own(ask, BackBill, ask.names["back_bill_id"]).record
    stored = ask.records.load(WorkOrder, bill.work_order_id)
    if stored is None:
        raise Absent
    order = stored.record
    may_dispute = not bill.held_by and bill.state not in {
        BackBillState.DROPPED,
        BackBillState.CREDITED,
    }
    return Page(
        "partner/back_bill.html",
        f"Back-bill for {bill.work_order_id}",
        {
            **_WORDS,
            "it": bill,
            "order": order,
            "is_ours": _was_offered(order, ask.partner_id),
            "markup": BACK_BILL_MARKUP_BPS.on(order.policy_day) / 10_000,
            "may_dispute": may_dispute,
            "may_dispute_finding": may_dispute and bool(order.cause_found_by),
            "new": _new_to("back_bill", bill.work_order_id),
            "new_finding": _new_to("finding", bill.work_order_id),
            "is_admin": ADMIN in ask.visitor.roles,
        },
    )


# ---- disputes ------------------------------------------------------------------------------------


@VIEWS.get(DISPUTES + "/new", EVERYBODY)
def new_dispute(ask: Ask) -> Page:
    """Show the form of a dispute about what a link names."""
    return _form(
        ask, ask.query.get("kind", ""), ask.query.get("work_order", ""), ask.query.get("what", "")
    )


@VIEWS.post(DISPUTES + "/new", EVERYBODY)
def open_dispute(ask: Ask) -> Answer:
    """Open a dispute with the coordinator; what it holds is not posted until it is over (X-85)."""
    kind, order_id, what = ask.form["kind"], ask.form["work_order"], ask.form["what"]
    _subject(kind)
    typed = Typed(ask.form)
    says = typed.text("says", "Say what is wrong with it: whoever decides reads it.")
    if typed.as_typed is not None:
        return _form(ask, kind, order_id, what, typed=typed)
    files = _taken(ask, order_id, typed)
    if files.is_held:
        return _form(ask, kind, order_id, what, typed=typed, files=files)
    answer = process.open_dispute(
        ask.records,
        kind=Subject(kind),
        work_order_id=order_id,
        partner_id=ask.partner_id,
        says=says,
        what=what,
        evidence=files.kept,
        **ask.acting(),
    )
    if isinstance(answer, Refused):
        typed.is_wrong("", _said(answer))
        return _form(ask, kind, order_id, what, typed=typed, files=files)
    return Go(f"{DISPUTES}/{answer.id}", said="The dispute is open; the coordinator has it.")


@VIEWS.get(ONE, EVERYBODY)
def one_dispute(ask: Ask) -> Page:
    """Show a dispute with the levels that it came through, and how long it lay at each (X-87)."""
    return _dispute(ask, own(ask, Dispute, ask.names["dispute_id"]).record)


@VIEWS.post(ONE + "/evidence", EVERYBODY)
def add_evidence(ask: Ask) -> Answer:
    """Add files to an open dispute."""
    dispute = own(ask, Dispute, ask.names["dispute_id"]).record
    typed = Typed(ask.form)
    files = _taken(ask, dispute.work_order_id, typed)
    if not files.kept:
        typed.is_wrong("file", "Choose a file.")
    if files.is_held or not files.kept:
        return _dispute(ask, dispute, typed=typed, files=files)
    answer = process.add_evidence(
        ask.records,
        dispute_id=dispute.id,
        partner_id=ask.partner_id,
        evidence=files.kept,
        **ask.acting(),
    )
    if isinstance(answer, Refused):
        typed.is_wrong(
            "", f"{answer.because[:1].upper()}{answer.because[1:]} (rule {answer.rule})."
        )
        return _dispute(ask, dispute, typed=typed, files=files)
    return Go(f"{DISPUTES}/{dispute.id}", said="The file is with the dispute.")


@VIEWS.post(ONE + "/escalate", EVERYBODY)
def escalate(ask: Ask) -> Go:
    """Take a dispute to the next level; levels go forward only (X-86)."""
    dispute_id, level = ask.names["dispute_id"], ask.form["to_level"]
    answer = process.escalate_dispute(
        ask.records,
        dispute_id=dispute_id,
        partner_id=ask.partner_id,
        to_level=level,
        **ask.acting(),
    )
    said = f"It is with the {LEVELS.get(level, level).lower()} now."
    return done(answer, to=f"{DISPUTES}/{dispute_id}", said=said)


@VIEWS.post(ONE + "/withdraw", EVERYBODY)
def withdraw(ask: Ask) -> Go:
    """Give a dispute up, which releases what it held."""
    dispute_id = ask.names["dispute_id"]
    answer = process.withdraw_dispute(
        ask.records, dispute_id=dispute_id, partner_id=ask.partner_id, **ask.acting()
    )
    return done(answer, to=f"{DISPUTES}/{dispute_id}", said="The dispute is given up.")


@VIEWS.get(ONE + "/files/{upload_id}", EVERYBODY)
def evidence_file(ask: Ask) -> Answer:
    """Lead to a file of a dispute, for some minutes (U-08)."""
    dispute = own(ask, Dispute, ask.names["dispute_id"]).record
    upload_id = ask.names["upload_id"]
    if f"{PREFIX}{upload_id}" not in dispute.evidence:
        raise Absent
    upload = load_upload(ask.records, upload_id=upload_id, partner_id=ask.partner_id).record
    found = link_to(ask.house.outside.desk, upload, at=ask.at)
    if isinstance(found, Refused):
        return Go(f"{DISPUTES}/{dispute.id}", refused=found)
    return Away(found)


# ---- what pages show -----------------------------------------------------------------------------

_WORDS = {
    "tones": TONES,
    "states": STATES,
    "levels": LEVELS,
    "kinds": KINDS,
    "offers": OFFERS,
    "outcomes": OUTCOMES,
}


def _subject(kind: str) -> Subject:
    if kind not in KINDS:
        raise Absent
    return Subject(kind)


def _new_to(kind: str, order_id: str) -> str:
    return f"{DISPUTES}/new?" + urlencode({"kind": kind, "work_order": order_id})


def _form(
    ask: Ask,
    kind: str,
    order_id: str,
    what: str,
    *,
    typed: Typed | None = None,
    files: Files = NO_FILES,
) -> Page:
    _subject(kind)
    stored = ask.records.load(WorkOrder, order_id) if order_id else None
    if stored is None or not _concerns(stored.record, ask.partner_id):
        raise Absent
    shows = {
        **_WORDS,
        "kind": kind,
        "order": stored.record,
        "what": what,
        "takes": TAKES,
        "may_send": stored.record.partner_id == ask.partner_id,
        "typed": _typed(ask, typed),
        "kept": files.kept,
        "waits": files.waits,
    }
    return Page(
        "partner/dispute_new.html", "Open a dispute", shows, 422 if ask.method == "POST" else 200
    )


def _typed(ask: Ask, typed: Typed | None) -> AsTyped | None:
    """Give a form as it was filled in, also where nothing is wrong and a file is scanned."""
    if typed is None:
        return None
    return typed.as_typed or AsTyped(said_in(ask.form), {})


def _concerns(order: WorkOrder, partner_id: str) -> bool:
    """Tell whether a partner may know of a work order: it was offered, or is its workmanship."""
    return _was_offered(order, partner_id) or order.original_installer_id == partner_id


def _was_offered(order: WorkOrder, partner_id: str) -> bool:
    return any(one.partner_id == partner_id for one in order.assignments)


def _dispute(
    ask: Ask,
    dispute: Dispute,
    *,
    typed: Typed | None = None,
    files: Files = NO_FILES,
) -> Page:
    stored = ask.records.load(WorkOrder, dispute.work_order_id)
    if stored is None:
        raise Absent
    order = stored.record
    is_open = dispute.state is DisputeState.OPEN
    step = next_step(
        dispute.level, is_resolved=False, finding=None, posted=ZERO, on=order.policy_day
    )
    following = step.level if is_open and step.level != dispute.level else None
    sent = uploads_of(ask.records, {one: one.removeprefix(PREFIX) for one in dispute.evidence})
    return Page(
        "partner/dispute.html",
        f"Dispute: {KINDS[dispute.kind]}",
        {
            **_WORDS,
            "it": dispute,
            "order": order,
            "is_open": is_open,
            "steps": _steps(dispute, order, ask.at),
            "following": following,
            "files": [sent[one] for one in dispute.evidence if one in sent],
            "about": _about(dispute, is_ours=_was_offered(order, ask.partner_id)),
            "may_send": order.partner_id == ask.partner_id,
            "takes": TAKES,
            "typed": _typed(ask, typed),
            "kept": files.kept,
            "waits": files.waits,
        },
        422 if ask.method == "POST" else 200,
    )


def _steps(dispute: Dispute, order: WorkOrder, at: datetime) -> tuple[LevelShown, ...]:
    came = dict(ages(dispute, now=at))
    since = {one.level: one.since for one in dispute.steps}
    is_open = dispute.state is DisputeState.OPEN
    return tuple(
        LevelShown(
            LEVELS.get(level, level),
            since.get(level),
            came.get(level),
            is_open and level == dispute.level,
        )
        for level in DISPUTE_LEVELS.on(order.policy_day)
    )


def _about(dispute: Dispute, *, is_ours: bool) -> str:
    """Give the page of what is disputed; empty where it is a work order never offered to it."""
    match dispute.kind:
        case Subject.BACK_BILL:
            return f"{HERE}/{dispute.subject_id}"
        case Subject.INVOICE:
            return f"/portal/invoices/{dispute.subject_id}"
        case _:
            return f"/portal/work_orders/{dispute.work_order_id}" if is_ours else ""


def _taken(ask: Ask, order_id: str, typed: Typed) -> Files:
    """Take the files that came with a form, beside those that came before it was shown again."""
    kept, waits = _before(ask)
    is_wrong = False
    for sent in ask.form.files.get("file", ()):
        if not sent.content:
            continue
        if len(sent.content) > MOST_BYTES:
            typed.is_wrong("file", f"{sent.name} is larger than 4 MB: send it smaller.")
            is_wrong = True
            continue
        taken = take_attachment(
            ask.records,
            ask.house.outside,
            work_order_id=order_id,
            partner_id=ask.partner_id,
            purpose=Purpose.EVIDENCE,
            name=sent.name,
            content=sent.content,
            **ask.acting(),
        )
        if isinstance(taken, Refused):
            typed.is_wrong("file", f"{sent.name}: {_said(taken)}")
            is_wrong = True
        elif taken.state is UploadState.REFUSED:
            typed.is_wrong("file", f"{sent.name} was removed: {taken.because}.")
            is_wrong = True
        else:
            waits = waits or taken.state is not UploadState.KEPT
            kept.append(taken.reference)
    return Files(tuple(dict.fromkeys(kept)), waits=waits, is_wrong=is_wrong)


def _before(ask: Ask) -> tuple[list[str], bool]:
    """Give the files that came with the form before, and whether one is still being scanned."""
    kept, waits = [], False
    for reference in ask.form.all("kept")[:60]:
        name = reference.removeprefix(PREFIX)
        state = load_upload(ask.records, upload_id=name, partner_id=ask.partner_id).record.state
        if state is UploadState.SCANNING:
            again = complete_upload(
                ask.records,
                ask.house.outside,
                upload_id=name,
                partner_id=ask.partner_id,
                **ask.acting(),
            )
            state = UploadState.REFUSED if isinstance(again, Refused) else again.state
        if state is not UploadState.REFUSED:
            waits = waits or state is not UploadState.KEPT
            kept.append(f"{PREFIX}{name}")
    return kept, waits


def _said(refused: Refused) -> str:
    return f"{refused.because[:1].upper()}{refused.because[1:]} (rule {refused.rule})."


def _place(bill: BackBill) -> tuple[int, float, str]:
    """Put what can still be disputed first, by when that ends; what is over comes last."""
    if bill.state is BackBillState.NOTIFIED and bill.notices:
        return 0, bill.notices[-1].due_at.timestamp(), bill.id
    if bill.state in _OPEN:
        return 1, 0.0, bill.id
    return (3 if bill.state in _OVER else 2), 0.0, bill.id


def _by_state(dispute: Dispute) -> tuple[bool, float]:
    is_open = dispute.state is DisputeState.OPEN
    moment = dispute.opened_at.timestamp()
    return not is_open, moment if is_open else -moment
