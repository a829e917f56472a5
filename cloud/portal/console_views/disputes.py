"""Disputes, back-bills, what customers are charged: who disagrees, what is held, who decides."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import partial
from typing import Any

from cloud.invoicing import process as invoicing
from cloud.invoicing.charges import ChargeRow
from cloud.invoicing.disputes import ages, may_resolve
from cloud.invoicing.exposure import Exposure, exposure
from cloud.invoicing.models import (
    BackBill,
    BackBillState,
    ChargeState,
    CustomerCharge,
    Dispute,
    DisputeState,
    Invoice,
    Outcome,
    Subject,
)
from cloud.invoicing.policy import BACK_BILL_MARKUP_BPS, DISPUTE_DECIDERS
from cloud.invoicing.process.books import bill_id
from cloud.kernel.csv_text import csv_text
from cloud.kernel.decision import Refused
from cloud.kernel.money import ZERO, total
from cloud.kernel.ports import require
from cloud.portal.as_shown import decided
from cloud.portal.asking import Absent, Answer, Ask, Away, File, Go, Page, done, linked
from cloud.portal.console_views.money_desk import (
    ROWS,
    Leafed,
    Shown,
    everywhere,
    leafed,
    one_of,
    partner_names,
    shown,
    told,
)
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed
from cloud.portfolio.models import Site
from cloud.reporting.approval_desk import bill_look, bills_in, waits_to_be_posted
from cloud.reporting.leafing import rows_of
from cloud.reporting.roles import ACCOUNTING, ADMIN, AUDITOR, RM, SPC
from cloud.reporting.shown_to_decide import charge_shown, dispute_shown
from cloud.service.models import WorkOrder
from cloud.service.policy import DISPUTE_LEVELS
from cloud.service.process import link_to
from cloud.service.process.uploads import uploads_of
from cloud.service.uploads import PREFIX, Upload

VIEWS = Views()
HERE, BILLS, CHARGES = "/console/disputes", "/console/back_bills", "/console/charges"
READERS = (SPC, RM, ADMIN, AUDITOR)
BILL_READERS = (SPC, RM, ACCOUNTING, AUDITOR)
CHARGE_READERS = (SPC, ACCOUNTING, AUDITOR)
LEVELS: Mapping[str, str] = {
    "spc": "Coordinator",
    "relationship_manager": "Relationship manager",
    "partner_agreement": "Partner agreement",
}
KINDS: Mapping[str, str] = {
    Subject.FINDING: "The cause that was found",
    Subject.BACK_BILL: "A back-bill",
    Subject.INVOICE: "The decision on an invoice",
    Subject.SLA_BREACH: "A missed agreed time",
    Subject.PAUSE: "A pause of the clocks",
}
STATES: Mapping[str, str] = {"open": "Open", "resolved": "Decided", "withdrawn": "Taken back"}
OUTCOMES: Mapping[str, str] = {
    "upheld": "The claim stands",
    "overturned": "The claim falls",
    "partial": "It stands in part",
}
BILL_STATES: Mapping[str, str] = {
    "candidate": "Nothing paid, cause open",
    "pending": "Paid, cause open",
    "confirmed": "Both keys there",
    "notified": "The installer is told",
    "disputed": "Held by a dispute",
    "posted": "With the funding runs",
    "settled": "Taken whole",
    "credited": "Given back",
    "dropped": "Nothing after all",
}
_BILL_TABS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "open": (
        "Open",
        ("candidate", "pending", "confirmed", "notified", "disputed"),
    ),
    "posted": ("With the runs", ("posted",)),
    "over": ("Over", ("settled", "credited", "dropped")),
}
CHARGE_STATES: Mapping[str, str] = {
    "proposed": "Proposed",
    "approved": "Approved",
    "told": "The customer is told",
    "exported": "Exported",
    "withdrawn": "Withdrawn",
}


def _tabs(ask: Ask) -> list[tuple[str, str, bool, None]]:
    """Give the ways between the three lists, those that this person may see."""
    ways = ((HERE, "Disputes", READERS), (BILLS, "Back-bills", BILL_READERS))
    more = (*ways, (CHARGES, "Customer charges", CHARGE_READERS))
    return [
        (says, path, ask.path == path, None)
        for path, says, roles in more
        if ask.visitor.roles & {*roles}
    ]


# ---- disputes ------------------------------------------------------------------------------------


@VIEWS.get(HERE, *READERS)
def disputes(ask: Ask) -> Page:
    """Show the disputes in one state: open ones by level and age (X-86, X-87)."""
    state, names = one_of(ask, "state", STATES) or "open", partner_names(ask)
    level, partner_id = one_of(ask, "level", LEVELS), one_of(ask, "partner", names)
    found = [
        one.record
        for one in ask.records.find(Dispute, by="state", value=DisputeState(state))
        if partner_id in {"", one.record.partner_id}
    ]
    kept = [one for one in found if level in {"", one.level}]
    if state == "open":
        order = list(LEVELS)
        kept.sort(key=lambda one: (-order.index(one.level), one.opened_at, one.id))
    else:
        kept.sort(key=lambda one: (one.closed_at or one.opened_at, one.id), reverse=True)
    return Page(
        "console/disputes.html",
        "Disputes",
        {
            **everywhere(ask),
            "tabs": _tabs(ask),
            "page": shown(ask, kept, state=state, level=level, partner=partner_id),
            "states": [
                (says, linked(HERE, state=name, partner=partner_id), name == state, None)
                for name, says in STATES.items()
            ],
            "level_counts": [
                (
                    says,
                    linked(HERE, state=state, level=name, partner=partner_id),
                    name == level,
                    sum(name in {"", one.level} for one in found),
                )
                for name, says in {"": "All levels", **LEVELS}.items()
            ],
            "state": state,
            "levels": LEVELS,
            "kinds": KINDS,
            "outcomes": OUTCOMES,
            "ages": {one.id: ages(one, now=ask.at)[-1][1] for one in kept if one.steps},
            "deciders": dict(DISPUTE_DECIDERS.on(ask.at.date())),
            "roles": ask.visitor.roles,
            "partner_id": partner_id,
            "names": names,
        },
    )


@VIEWS.get(HERE + "/{dispute_id}", *READERS)
def one_dispute(ask: Ask) -> Page:
    """Show both sides of a dispute, its evidence, what it holds, and who decides it."""
    return _dispute(ask)


def _dispute(ask: Ask, typed: AsTyped | None = None, form: str = "") -> Page:
    found = ask.records.load(Dispute, ask.names["dispute_id"])
    if found is None:
        raise Absent
    dispute = found.record
    order = require(
        ask.records.load(WorkOrder, dispute.work_order_id), "work order", dispute.work_order_id
    ).record
    bill = ask.records.load(BackBill, bill_id(order.id))
    invoice = (
        ask.records.load(Invoice, dispute.subject_id) if dispute.kind is Subject.INVOICE else None
    )
    site = ask.records.load(Site, order.site_id)
    levels = DISPUTE_LEVELS.on(order.policy_day)
    place = levels.index(dispute.level)
    is_open = dispute.state is DisputeState.OPEN
    held = bill.record if bill is not None else None
    shows: dict[str, Any] = {
        **everywhere(ask),
        "dispute": dispute,
        "order": order,
        "site": site.record if site is not None else None,
        "bill": held,
        "holds": held is not None and dispute.id in held.held_by,
        "waits": waits_to_be_posted(held) if held is not None else ZERO,
        "invoice": invoice.record if invoice is not None else None,
        "files": _files(ask, dispute),
        "mark": dispute_shown(ask.records, dispute.id).mark(ask.at),
        "ages": ages(dispute, now=ask.at),
        "next_level": levels[place + 1] if place + 1 < len(levels) else "",
        "decider": dict(DISPUTE_DECIDERS.on(order.policy_day))[dispute.level],
        "may_decide": is_open
        and may_resolve(dispute.level, ask.visitor.roles, on=order.policy_day),
        "may_escalate": is_open and bool(ask.visitor.roles & {SPC, RM}),
        "is_open": is_open,
        "levels": LEVELS,
        "kinds": KINDS,
        "states": STATES,
        "outcomes": OUTCOMES,
        "bill_states": BILL_STATES,
        "names": partner_names(ask),
        "log": ask.log(dispute.id, of="dispute"),
        "to": f"{HERE}/{dispute.id}",
        "typed": typed,
        "form": form,
        "here": HERE,
    }
    return Page("console/dispute.html", "Dispute", shows, 422 if typed else 200)


def _files(ask: Ask, dispute: Dispute) -> list[Upload]:
    found = uploads_of(ask.records, {one: one.removeprefix(PREFIX) for one in dispute.evidence})
    return [found[one] for one in dispute.evidence if one in found]


@VIEWS.get(HERE + "/{dispute_id}/evidence/{upload_id}", *READERS)
def evidence(ask: Ask) -> Answer:
    """Lead to one file that the partner sent with its dispute, for some minutes (U-08)."""
    found = ask.records.load(Dispute, ask.names["dispute_id"])
    files = _files(ask, found.record) if found is not None else []
    wanted = [one for one in files if one.id == ask.names["upload_id"]]
    if found is None or not wanted:
        raise Absent
    link = link_to(ask.house.outside.desk, wanted[0], at=ask.at)
    if isinstance(link, Refused):
        return Go(f"{HERE}/{found.record.id}", refused=link)
    return Away(link)


@VIEWS.post(HERE + "/{dispute_id}/escalate", SPC, RM)
def escalate(ask: Ask) -> Answer:
    """Take a dispute to the next level; levels go forward only (X-86)."""
    dispute_id = ask.names["dispute_id"]
    answer = decided(
        ask,
        dispute_shown(ask.records, dispute_id),
        lambda records: invoicing.escalate_dispute(
            records, dispute_id=dispute_id, to_level=ask.form["to_level"], **ask.acting()
        ),
    )
    said = "It is at the next level now; who decides there is told."
    return done(answer, to=f"{HERE}/{dispute_id}", said=said)


@VIEWS.post(HERE + "/{dispute_id}/resolve", SPC, RM, ADMIN)
def resolve(ask: Ask) -> Answer:
    """Decide a dispute, by who owns its level (X-86, X-87)."""
    typed = Typed(ask.form)
    outcome = typed.one_of("outcome", OUTCOMES, "Choose how it ends.")
    reason = typed.text("reason", "Say why: the partner is told it.")
    left = typed.amount("left") if outcome == Outcome.PARTIAL else None
    if outcome == Outcome.PARTIAL and left is None:
        typed.is_wrong("left", "Write what is left of the claim.")
    if typed.as_typed:
        return _dispute(ask, typed.as_typed, "resolve")
    dispute_id = ask.names["dispute_id"]
    answer = decided(
        ask,
        dispute_shown(ask.records, dispute_id),
        lambda records: invoicing.resolve_dispute(
            records,
            dispute_id=dispute_id,
            outcome=Outcome(outcome),
            reason=reason,
            roles=ask.visitor.roles,
            partial=left,
            **ask.acting(),
        ),
    )
    if isinstance(answer, Refused):
        return _dispute(ask, typed.refused(told(answer)), "resolve")
    return Go(f"{HERE}/{dispute_id}", said="It is decided. The partner is told how, and why.")


# ---- back-bills ----------------------------------------------------------------------------------


@VIEWS.get(BILLS, *BILL_READERS)
def back_bills(ask: Ask) -> Page:
    """Show what original installers are or may be charged, running terms first (B-53)."""
    state, names = one_of(ask, "state", tuple(_BILL_TABS)) or "open", partner_names(ask)
    partner_id = one_of(ask, "partner", names)
    kept = [
        one
        for one in bills_in(ask.records, _BILL_TABS[state][1])
        if partner_id in {"", one.partner_id}
    ]
    at_stake = exposure(kept, as_of=ask.at).values()
    return Page(
        "console/back_bills.html",
        "Back-bills",
        {
            **everywhere(ask),
            "tabs": _tabs(ask),
            "page": shown(ask, kept, state=state, partner=partner_id),
            "sums": sum(at_stake, Exposure()),
            "states": [
                (says, linked(BILLS, state=name, partner=partner_id), name == state, None)
                for name, (says, _) in _BILL_TABS.items()
            ],
            "bill_states": BILL_STATES,
            "state": state,
            "partner_id": partner_id,
            "names": names,
            "sees_disputes": bool(ask.visitor.roles & {*READERS}),
            "here": HERE,
        },
    )


@VIEWS.get(BILLS + "/{bill_id}", *BILL_READERS)
def one_bill(ask: Ask) -> Page:
    """Show how a back-bill comes about: cost, markup, what was told, posted and taken (B-54)."""
    found = ask.records.load(BackBill, ask.names["bill_id"])
    if found is None:
        raise Absent
    bill = found.record
    look = bill_look(ask.records, bill)
    site = ask.records.load(Site, look.order.site_id)
    return Page(
        "console/back_bill.html",
        "Back-bill",
        {
            **everywhere(ask),
            "bill": bill,
            "look": look,
            "order": look.order,
            "site": site.record if site is not None else None,
            "percent": BACK_BILL_MARKUP_BPS.on(look.order.policy_day) / 10_000,
            "waits": waits_to_be_posted(bill),
            "is_over": bill.state in {BackBillState.CREDITED, BackBillState.DROPPED},
            "taken": total(one.amount for one in bill.taken),
            "bill_states": BILL_STATES,
            "levels": LEVELS,
            "names": partner_names(ask),
            "log": ask.log(bill.id, of="back_bill"),
            "here": HERE,
        },
    )


# ---- what customers are charged ------------------------------------------------------------------

_CHARGES_OVER = ("exported", "withdrawn")
"""What is over: such charges only grow more."""


@VIEWS.get(CHARGES, *CHARGE_READERS)
def charges(ask: Ask) -> Page:
    """Show what customers are asked to pay, in one state, the oldest first (B-52).

    Of what is over, the latest comes first, page by page: those piles only grow.
    """
    state = one_of(ask, "state", CHARGE_STATES) or "proposed"
    page: Shown | Leafed
    if state in _CHARGES_OVER:
        latest = partial(ask.records.latest, CustomerCharge, value=state)
        over = rows_of(latest, most=ROWS, after=ask.query.get("after", ""))
        found: Sequence[CustomerCharge] = over.found
        page = leafed(ask, over, state=state)
    else:
        stored = ask.records.find(CustomerCharge, by="state", value=ChargeState(state))
        found = sorted((one.record for one in stored), key=lambda one: (one.proposed_at, one.id))
        page = shown(ask, found, state=state)
    homes = ask.records.load_all(Site, sorted({one.site_id for one in page.rows}))
    return Page(
        "console/charges.html",
        "Customer charges",
        {
            **everywhere(ask),
            "tabs": _tabs(ask),
            "page": page,
            "is_counted": isinstance(page, Shown),
            "sum": total(one.total for one in found),
            "homes": {name: one.record for name, one in homes.items()},
            "states": [
                (says, linked(CHARGES, state=name), name == state, None)
                for name, says in CHARGE_STATES.items()
            ],
            "state": state,
            "says": CHARGE_STATES,
            "may_export": ACCOUNTING in ask.visitor.roles and state == "told" and bool(found),
            "here": HERE,
        },
    )


@VIEWS.get(CHARGES + "/{charge_id}", *CHARGE_READERS)
def one_charge(ask: Ask) -> Page:
    """Show one charge: its lines and causes, the evidence, and the people behind it (B-52a)."""
    return _charge(ask)


def _charge(ask: Ask, typed: AsTyped | None = None) -> Page:
    found = ask.records.load(CustomerCharge, ask.names["charge_id"])
    if found is None:
        raise Absent
    charge = found.record
    site = ask.records.load(Site, charge.site_id)
    decides = SPC in ask.visitor.roles
    is_own = charge.proposed_by == ask.by
    proposed = charge.state is ChargeState.PROPOSED
    shows: dict[str, Any] = {
        **everywhere(ask),
        "charge": charge,
        "site": site.record if site is not None else None,
        "says": CHARGE_STATES,
        "may_approve": decides and proposed and not is_own,
        "is_own": decides and proposed and is_own,
        "mark": charge_shown(ask.records, charge.id).mark(ask.at),
        "may_tell": decides and charge.state is ChargeState.APPROVED,
        "may_withdraw": decides
        and charge.state in {ChargeState.PROPOSED, ChargeState.APPROVED, ChargeState.TOLD},
        "may_read_export": bool(ask.visitor.roles & {ACCOUNTING, AUDITOR}),
        "log": ask.log(charge.id, of="customer_charge"),
        "to": f"{CHARGES}/{charge.id}",
        "typed": typed,
        "form": "withdraw" if typed else "",
        "here": HERE,
    }
    return Page("console/charge.html", "Customer charge", shows, 422 if typed else 200)


@VIEWS.post(CHARGES + "/{charge_id}/approve", SPC)
def approve_charge(ask: Ask) -> Answer:
    """Approve a charge that another person proposed (B-52a)."""
    charge_id = ask.names["charge_id"]
    answer = _decided_charge(ask, invoicing.approve_charge)
    said = "It is approved. The customer does not know of it yet: tell the customer next."
    return done(answer, to=f"{CHARGES}/{charge_id}", said=said)


@VIEWS.post(CHARGES + "/{charge_id}/tell", SPC)
def tell_customer(ask: Ask) -> Answer:
    """Tell the customer of an approved charge, once (B-52)."""
    charge_id = ask.names["charge_id"]
    answer = _decided_charge(ask, invoicing.tell_customer)
    return done(answer, to=f"{CHARGES}/{charge_id}", said="The customer is told of it by mail.")


@VIEWS.post(CHARGES + "/{charge_id}/withdraw", SPC)
def withdraw_charge(ask: Ask) -> Answer:
    """Withdraw a charge that did not leave yet; a customer that was told is told of this too."""
    typed = Typed(ask.form)
    reason = typed.text("reason", "Say why.")
    if typed.as_typed:
        return _charge(ask, typed.as_typed)
    charge_id = ask.names["charge_id"]
    answer = _decided_charge(ask, invoicing.withdraw_charge, reason=reason)
    if isinstance(answer, Refused):
        return _charge(ask, typed.refused(told(answer)))
    return Go(f"{CHARGES}/{charge_id}", said="It is withdrawn.")


def _decided_charge(ask: Ask, deed: Callable[..., Any], **said: Any) -> Any:
    """Do a deed to the charge of the path, as the page showed it (D09a)."""
    charge_id = ask.names["charge_id"]
    return decided(
        ask,
        charge_shown(ask.records, charge_id),
        lambda records: deed(records, charge_id=charge_id, **said, **ask.acting()),
    )


@VIEWS.post(CHARGES + "/export", ACCOUNTING)
def export(ask: Ask) -> Answer:
    """Let all charges leave that customers were told of, and lead to their rows (B-52)."""
    rows = invoicing.export_charges(ask.records, **ask.acting())
    if not rows:
        return Go(CHARGES + "?state=told", said="Nothing could leave: no charge is ready for it.")
    said = f"{len(rows)} line{'' if len(rows) == 1 else 's'} left. Keep the file of this export."
    return Go(f"{CHARGES}/exports/{rows[0].export_id}", said=said)


@VIEWS.get(CHARGES + "/exports/{export_id}", ACCOUNTING, AUDITOR)
def one_export(ask: Ask) -> Page:
    """Show the rows of an export again (B-52)."""
    export_id = ask.names["export_id"]
    rows = invoicing.rows_of_export(ask.records, export_id)
    return Page(
        "console/charge_export.html",
        "Export of charges",
        {
            **everywhere(ask),
            "rows": rows,
            "export_id": export_id,
            "sum": sum(one.amount_cents for one in rows),
            "here": HERE,
        },
    )


@VIEWS.get(CHARGES + "/exports/{export_id}/csv", ACCOUNTING, AUDITOR)
def export_file(ask: Ask) -> File:
    """Give the rows of an export as a file, for whoever collects the money."""
    export_id = ask.names["export_id"]
    names = [one.name for one in fields(ChargeRow)]
    rows = invoicing.rows_of_export(ask.records, export_id)
    text = csv_text([names, *([getattr(row, name) for name in names] for row in rows)])
    return File(f"charges-{export_id}.csv", "text/csv; charset=utf-8", text.encode())
