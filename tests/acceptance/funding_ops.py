"""Maps the questions of the funding vectors to the rules that production calls.

Nothing is decided here: fields are renamed, and the rules of `cloud.funding` answer.
"""

import contextlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from cloud.adapters.memory import MemoryDocuments, MemoryRecords
from cloud.funding import (
    ach,
    approval,
    cancellation,
    clawback,
    clocks,
    enrollment,
    extension,
    gates,
    materials,
    netting,
    plan,
    process,
    returns,
    schedule,
    views,
    warranty,
)
from cloud.funding.models import FundingRun
from cloud.funding.remittance import RemittanceAdvice
from cloud.kernel.calendar import eastern_day, is_banking_day, next_banking_day
from cloud.kernel.change import Change, Save
from cloud.kernel.errors import NotFound
from cloud.kernel.money import ZERO, Money
from cloud.kernel.policy import COMFORT
from cloud.kernel.secret import Secret
from cloud.portfolio.models import Milestone, Partner, PlanShare

Given = dict[str, Any]
UNDATED = date(2026, 11, 1)
"""The day whose rules answer a question that names no day: the articles were read on it."""


def _at(text: str) -> datetime:
    """Read an instant; a bare date is its first instant in Eastern time."""
    if len(text) == len("2026-11-01"):
        return datetime.fromisoformat(text).replace(tzinfo=schedule.F02.on(UNDATED).zone)
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _at_or_none(text: str | None) -> datetime | None:
    return None if text is None else _at(text)


def _day(text: str) -> date:
    return eastern_day(_at(text))


def _text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _money(cents: list[int] | None) -> list[Money]:
    return [Money(amount) for amount in cents or []]


def _published(given: Given) -> list[schedule.Alternative]:
    return [
        schedule.Alternative(
            date.fromisoformat(one["regular_date"]),
            date.fromisoformat(one["alternative_date"]),
            _at(one["published_at"]),
        )
        for one in given.get("published_alternatives") or []
    ]


def funding_schedule(given: Given) -> Given:
    windows = schedule.schedule(_day(given["from"]), _day(given["to"]), _published(given))
    return {
        "runs": [
            {
                "cutoff_exclusive": window.cut_off_at.isoformat(),
                "funding_date": window.funding_date.isoformat(),
            }
            for window in windows
        ]
    }


def funding_window(given: Given) -> Given:
    window = schedule.window_of(_at(given["event_at"]), _published(given))
    return {
        "window_open": window.opens_at.isoformat(),
        "window_close_exclusive": window.cut_off_at.isoformat(),
        "regular_funding_date": window.regular_date.isoformat(),
        "funding_date": window.funding_date.isoformat(),
        "date_source": str(window.date_source),
    }


def banking_day(given: Given) -> Given:
    day = date.fromisoformat(given["date"])
    return {
        "banking_day": is_banking_day(day),
        "next_banking_day": next_banking_day(day).isoformat(),
    }


def plan_split(given: Given) -> Given:
    shares = [
        PlanShare(Milestone(share["milestone"]), share["share_bps"]) for share in given["plan"]
    ]
    amounts = plan.split(Money(given["project_value_cents"]), shares)
    return {"amounts_cents": {str(name): amount.cents for name, amount in amounts.items()}}


def payable(given: Given) -> Given:
    partner, project = given.get("partner", {}), given.get("project", {})
    reasons = gates.blocked_reasons(
        gates.PartnerGate(
            w9_on_file=partner.get("w9_on_file", False),
            bank_authorization_on_file=partner.get("bank_authorization_on_file", False),
            bank_account_blocked=partner.get("bank_account_blocked", False),
        ),
        gates.ProjectGate(**project),
    )
    return {"payable": not reasons, "blocked_reasons": [str(reason) for reason in reasons]}


def ntp_to_m1(given: Given) -> Given:
    verdict = clocks.ntp_to_m1(
        _day(given["ntp_at"]), _at_or_none(given.get("m1_achieved_at")), _at(given["as_of"])
    )
    return {
        "days_elapsed": verdict.days_elapsed,
        "due_date": verdict.due_date.isoformat(),
        "cancel_eligible": verdict.may_cancel,
    }


def m1_milestone_date(given: Given) -> Given:
    day = clocks.m1_milestone_date(
        given["basis"],
        install_submitted_at=_at_or_none(given.get("install_submitted_at")),
        install_approved_at=_at_or_none(given.get("install_approved_at")),
    )
    return {"m1_milestone_date": _text(day)}


def _extension(given: Given) -> extension.Extension:
    decided_at = _at_or_none(given.get("decided_at"))
    on = UNDATED if decided_at is None else eastern_day(decided_at)
    days = extension.days_of(given["reason"], on, set_by_approver=given.get("custom_days"))
    return extension.Extension(days, given["status"], decided_at)


def m1_to_m2(given: Given) -> Given:
    verdict = clocks.m1_to_m2(
        m1_on=_day(given["m1_milestone_at"]),
        m1_paid=Money(given["m1_paid_cents"]),
        activated_at=_at_or_none(given.get("activation_approved_at")),
        extensions=[_extension(one) for one in given.get("extensions") or []],
        as_of=_at(given["as_of"]),
    )
    return {
        "days_elapsed": verdict.days_elapsed,
        "contractual_due_date": verdict.contractual_due_date.isoformat(),
        "backend_due_date": verdict.backend_due_date.isoformat(),
        "status": str(verdict.status),
        "clawback_cents": verdict.clawback.cents,
    }


def extension_request(given: Given) -> Given:
    request = dict(given["request"])
    verdict = extension.review(
        {name: str(value) for name, value in request.items() if value is not None},
        has_proof=bool(request.get("proof_document_uploaded")),
        reason_text=request.get("reason_text") or "",
        market=given.get("market") or "",
        submitted_at=_at(request["submitted_at"]),
    )
    days = {} if verdict.days is None else {"extension_days": verdict.days}
    return {
        "accepted_for_review": verdict.is_accepted,
        "problems": list(verdict.problems),
        "decision_due_date": verdict.decision_due_date.isoformat(),
        **days,
    }


def extension_exposure(given: Given) -> Given:
    verdict = extension.exposure(
        extended_now=Money(given["extended_now_cents"]),
        requested=Money(given["requested_cents"]),
        backlog=Money(given["post_install_not_activated_backlog_cents"]),
        decided_on=UNDATED,
    )
    return {
        "exposure_after_cents": verdict.after.cents,
        "within_cap": verdict.is_within_cap,
        "cap_cents": verdict.cap.cents,
    }


def direct_pay_material(given: Given) -> Given:
    verdict = materials.judge(
        materials.Material(
            shipped_at=_at_or_none(given.get("shipped_at")),
            invoices=[
                materials.VendorInvoice(Money(one["amount_cents"]), _at(one["received_at"]))
                for one in given.get("invoices") or []
            ],
            m1_submitted_at=_at_or_none(given.get("m1_submitted_at")),
            install_approved_at=_at_or_none(given.get("install_approved_at")),
            already_recovered=Money(given.get("already_recovered_cents") or 0),
            net_fund_posted_at=_at_or_none(given.get("net_fund_posted_at")),
        ),
        _at(given["as_of"]),
    )
    return {
        "submit_due_date": _text(verdict.submit_due_date),
        "approve_due_date": _text(verdict.approve_due_date),
        "triggers": list(verdict.triggers),
        "net_fund_cents": verdict.net_fund.cents,
        "waiting_for_invoice": verdict.is_waiting_for_invoice,
    }


def direct_pay_enrollment(given: Given) -> Given:
    verdict = enrollment.enrollment(
        [enrollment.Choice(one["type"], _at(one["at"])) for one in given.get("events") or []],
        organisation_opted_in=given["org_opted_in"],
        on=UNDATED,
    )
    return {
        "enrolled": verdict.is_enrolled,
        "vendor_notifications": list(verdict.vendor_notifications),
        "rejected": list(verdict.rejected),
        "bill_to": verdict.bill_to,
    }


def m1_warranty(given: Given) -> Given:
    prices = given.get("solaredge_price_cents") or {}
    verdict = warranty.warranty_offsets(
        [
            warranty.Inverter(one["make"], one["model"], one.get("qty", 1))
            for one in given["inverters"]
        ],
        sold_on=UNDATED,
        prices={model: Money(cents) for model, cents in prices.items()},
    )
    return {
        "offset_cents": verdict.offset.cents,
        "lines": [[line.kind, line.about, line.amount.cents] for line in verdict.lines],
        "unpriced_models": list(verdict.unpriced_models),
        "m1_blocked": verdict.blocks_m1,
    }


def cancellation_(given: Given) -> Given:
    verdict = cancellation.cancellation_offsets(
        milestone_payments=_money(given.get("milestone_payments_cents")),
        vendor_payments=_money(given.get("vendor_payments_cents")),
        already_recovered=Money(given.get("already_recovered_cents") or 0),
        prepaid_commission=Money(given.get("prepaid_commission_cents") or 0),
        cancelled_on=UNDATED,
    )
    return {
        "offset_cents": verdict.offset.cents,
        "commission_offset_cents": verdict.commission_offset.cents,
        "commission_nettable_against": list(verdict.commission_nettable_against),
    }


def run_netting(given: Given) -> Given:
    verdict = netting.run_netting(
        [
            netting.Credit(one.get("project", ""), one["milestone"], Money(one["amount_cents"]))
            for one in given["payables"]
            if one.get("payable", True)
        ],
        [
            netting.Debit(
                one["id"],
                netting.DeductionKind(one["kind"]),
                one.get("project", ""),
                Money(one["open_cents"]),
                _day(one["incurred_on"]),
                one.get("paused", False),
            )
            for one in given["deductions"]
        ],
        on=UNDATED,
    )
    return {
        "gross_cents": verdict.gross.cents,
        "applied_cents": {name: amount.cents for name, amount in verdict.applied.items()},
        "ach_cents": verdict.net.cents,
        "remaining_open_cents": {name: one.cents for name, one in verdict.remaining.items()},
        "carry_forward_cents": verdict.carried.cents,
        "ach_entry": bool(verdict.net),
    }


def clawback_reinstatement(given: Given) -> Given:
    verdict = clawback.reinstatement(
        [
            clawback.Reduction(
                netting.DeductionKind(one["kind"]),
                Money(one.get("recovered_cents", 0)),
                Money(one.get("open_cents", 0)),
            )
            for one in given["deductions"]
        ],
        activated_on=UNDATED if given["activation_approved"] else None,
    )
    return {
        "reinstated_cents": verdict.reinstated.cents,
        "cancelled_open_cents": verdict.cancelled_open.cents,
    }


def run_approval(given: Given) -> Given:
    problems = approval.approval_problems(
        preparer=given["preparer"],
        approver=given["approver"],
        is_accounting=given.get("approver_is_accounting", False),
        shown_hash=given["preview_hash"],
        current_hash=given["current_hash"],
        on=UNDATED,
    )
    return {"approved": not problems, "problems": list(problems)}


def ach_return(given: Given) -> Given:
    verdict = returns.judge_return(
        given["code"],
        Money(given["payout_cents"]),
        was_processed=given.get("already_processed", False),
        on=UNDATED,
    )
    return {
        "reversed_cents": verdict.reversed.cents,
        "partner_payable_cents": verdict.payable.cents,
        "suspense_cents": verdict.suspense.cents,
        "bank_account_blocked": verdict.blocks_account,
        "action": str(verdict.action),
    }


def policy_version(given: Given) -> Given:
    version = approval.version_on(
        [
            approval.PolicyVersion(one["id"], _day(one["effective_from"]), one["values"])
            for one in given["versions"]
        ],
        _day(given["at"]),
    )
    if version is None:
        return {"version": None, "value": None}
    return {"version": version.id, "value": version.values.get(given["key"])}


def access(given: Given) -> Given:
    allowed = approval.is_allowed(
        given["roles"],
        given["action"],
        same_organisation=given.get("same_org", True),
        on=UNDATED,
    )
    return {"allowed": allowed}


def risk_report(given: Given) -> Given:
    rows = views.risk_rows(
        [
            views.RunningClock(
                one["project"], one["clock"], _day(one["start"]), one.get("extension_days") or 0
            )
            for one in given["clocks"]
            if not one.get("stopped")
        ],
        _at(given["as_of"]),
        given.get("red_within_days"),
    )
    return {
        "rows": [
            {
                "project": row.project,
                "clock": row.clock,
                "age_days": row.age_days,
                "days_left": row.days_left,
                "red": row.is_red,
            }
            for row in rows
        ]
    }


def export(given: Given) -> Given:
    chosen: Given = {}
    count = given.get("row_count")
    if "rows" in given:
        rows = views.filtered(given["rows"], given.get("filters") or {})
        count, chosen = len(rows), {"projects": [row["project"] for row in rows]}
    verdict = views.export(
        count or 0, on=UNDATED, immediate_max_rows=given.get("immediate_max_rows")
    )
    return {"mode": verdict.mode, "row_count": verdict.row_count, **chosen}


def invoice_needed_tab(given: Given) -> Given:
    listed = [
        one["project"]
        for one in given["projects"]
        if views.needs_invoice(
            direct_pay_enrolled=one.get("direct_pay_enrolled", False),
            m1_submitted=one.get("m1_submitted", False),
            vendor_invoice_final=one.get("vendor_invoice_final", False),
        )
    ]
    return {"projects": listed}


def payouts_tab(given: Given) -> Given:
    tab = views.payouts_tab(
        paused=bool(given.get("paused")),
        batched=bool(given.get("batched_in_run")),
        approved=bool(given.get("approved_by")),
        selected=bool(given.get("selected_for_run")),
    )
    return {"tab": tab}


def ach_control_totals(given: Given) -> Given:
    entries = given["entries"]
    sums = ach.controls(
        [(one["routing"], Money(one["amount_cents"]), bool(one.get("addenda"))) for one in entries]
    )
    return {
        "entry_addenda_count": sums.entry_addenda_count,
        "entry_hash": sums.entry_hash,
        "total_credit_cents": sums.total_credit.cents,
        "total_debit_cents": ZERO.cents,
        "block_count": sums.block_count,
        "lines_in_file": sums.line_count,
        "bad_routing": [
            one["routing"] for one in entries if not ach.is_routing_number(one["routing"])
        ],
        "zero_entries": sum(not one["amount_cents"] for one in entries),
    }


class _Crash(Exception):
    """The process was killed here."""


class _Text:
    """A renderer of remittance advices that nobody reads."""

    def render(self, advice: RemittanceAdvice) -> bytes:
        return repr(advice).encode()


class _FragileRecords(MemoryRecords):
    """Dies after a payment was written into the books, before anybody is told."""

    dies_after = ""

    def commit(self, change: Change) -> None:
        super().commit(change)
        pays = any(event.what == "plan_committed" for event in change.events)
        if pays and self.dies_after == "ledger":
            raise _Crash


class _FragileDocuments(MemoryDocuments):
    """Dies after the bank file was kept, before the run says so."""

    dies_after = ""

    def put(self, reference: str, content: bytes, content_type: str) -> str:
        super().put(reference, content, content_type)
        if reference.startswith("ach/") and self.dies_after == "file":
            raise _Crash
        return reference


BANK = ach.Originator("021000021", "Bank", "1234567890", "Owner", "1234567890")


def _attempt(
    records: MemoryRecords, documents: MemoryDocuments, *, run: str, cents: int, last: str
) -> None:
    """Take one run through the processes that the handlers call, up to the step named `last`."""
    weeks = timedelta(0)
    try:
        funding_date = date.fromisoformat(run)
    except ValueError:
        funding_date, weeks = UNDATED, timedelta(weeks=int.from_bytes(run.encode()) % 400)
    window = schedule.window_of(_at((funding_date + weeks - timedelta(days=2)).isoformat()))
    at, earned_at = window.cut_off_at, window.cut_off_at - timedelta(hours=1)
    partner = Partner(
        id=f"P-{run}",
        name="Partner",
        service_email="",
        remittance_email="",
        states=frozenset(),
        scopes=frozenset(),
        certifications=frozenset(),
        latitude=0.0,
        longitude=0.0,
        max_km=0,
        performance=0,
        routing_number=BANK.bank_routing_number,
        account_number=Secret("1234567"),
        w9_on_file=True,
        bank_authorization_on_file=True,
    )
    if records.load(Partner, partner.id) is None:
        records.commit(Change(saves=(Save(partner),)))
    if cents:
        body = {"invoice_id": f"I-{run}", "partner_id": partner.id, "amount_cents": cents}
        body |= {"work_order_id": "", "site_id": "", "says": run}
        body["approved_at"] = earned_at.isoformat()
        process.accrue_service(records, body=body, at=at)
    made = process.prepare(records, cutoff=at, partners=[partner], at=at, by="preparer")
    if last in {"plan", "preview", "prepare"}:
        return
    process.approve(
        records,
        run_id=made.id,
        plans_hash=made.plans_hash,
        partners=[partner],
        by="approver",
        roles={"accounting_admin"},
        at=at,
    )
    if last in {"approve", "approval"}:
        return
    process.run_all_after_approval(
        records, documents, run_id=made.id, originator=BANK, renderer=_Text(), at=at
    )
    process.mark_sent(records, run_id=made.id, by="bank", at=at)


def run_repeat(given: Given) -> Given:
    """Drive the real run, killed after the named step; the bank has what the kept files hold."""
    records, documents = _FragileRecords(), _FragileDocuments()
    for attempt in given["attempts"]:
        run, last = attempt["run_id"], attempt.get("crash_after") or ""
        cents = given["net_cents_by_run"].get(run, 0)
        records.dies_after = documents.dies_after = last
        with contextlib.suppress(_Crash):
            _attempt(records, documents, run=run, cents=cents, last=last)
    entries = []
    for made in records.find(FundingRun, by="programme", value=COMFORT):
        with contextlib.suppress(NotFound):
            entries += ach.read(documents.get(f"ach/{made.record.id}.ach")).entries
    return {
        "ach_entries": len(entries),
        "total_paid_cents": sum(entry.credit.amount.cents for entry in entries),
    }


OPS: dict[str, Callable[[Given], Given]] = {
    "funding_schedule": funding_schedule,
    "funding_window": funding_window,
    "banking_day": banking_day,
    "plan_split": plan_split,
    "payable": payable,
    "ntp_to_m1": ntp_to_m1,
    "m1_milestone_date": m1_milestone_date,
    "m1_to_m2": m1_to_m2,
    "extension_request": extension_request,
    "extension_exposure": extension_exposure,
    "direct_pay_material": direct_pay_material,
    "direct_pay_enrollment": direct_pay_enrollment,
    "m1_warranty": m1_warranty,
    "cancellation": cancellation_,
    "run_netting": run_netting,
    "clawback_reinstatement": clawback_reinstatement,
    "run_repeat": run_repeat,
    "run_approval": run_approval,
    "ach_control_totals": ach_control_totals,
    "ach_return": ach_return,
    "access": access,
    "invoice_needed_tab": invoice_needed_tab,
    "payouts_tab": payouts_tab,
    "risk_report": risk_report,
    "export": export,
    "policy_version": policy_version,
}
