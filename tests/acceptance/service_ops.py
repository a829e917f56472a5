"""Adapters of the service vectors: they rename fields and call the rules; no rule lives here."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from cloud.invoicing import approval, backbill, billing, completeness
from cloud.invoicing.policy import APPROVAL_DAYS
from cloud.kernel.calendar import BusinessCalendar, holidays
from cloud.kernel.decision import Refused
from cloud.kernel.money import Money
from cloud.service import (
    access,
    cases,
    disputes,
    emergency,
    mail,
    offer,
    policy,
    report,
    routing,
    sla,
)
from cloud.service.models import OriginalOffer

Given = Mapping[str, Any]
TODAY = date(2026, 6, 1)
"""The day whose policy applies where a vector names none."""


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _iso(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat(timespec="seconds")


def _calendar(given: Given) -> BusinessCalendar:
    return sla.working_hours(
        given["id"],
        zone=ZoneInfo(given["tz"]),
        opens=given["opens"],
        closes=given["closes"],
        extra_closures=frozenset(map(date.fromisoformat, given.get("extra_closures") or ())),
    )


def _pauses(given: list[Given] | None) -> list[sla.Pausing]:
    return [(datetime.fromisoformat(one["from"]), _instant(one.get("to"))) for one in given or ()]


def _deadline(given: Given) -> sla.Deadline:
    return sla.deadline(
        sla.SlaMilestone(given["milestone"]),
        start_at=datetime.fromisoformat(given["start_at"]),
        business_days=given["business_days"],
        calendar=_calendar(given["calendar"]),
        pauses=_pauses(given.get("pauses")),
    )


def holiday_calendar(given: Given) -> dict[str, Any]:
    days = holidays(given["calendar_id"], given["year"])
    return {"dates": [day.isoformat() for day in sorted(days)]}


def business_day(given: Given) -> dict[str, Any]:
    day = date.fromisoformat(given["date"])
    return {"business_day": _calendar(given["calendar"]).is_business_day(day)}


def sla_due(given: Given) -> dict[str, Any]:
    found = _deadline(given)
    answer = {"deemed_start": _iso(found.deemed_start), "due_at": _iso(found.due_at)}
    return answer if found.due_at else {**answer, "state": sla.ClockState.PAUSED.value}


def sla_status(given: Given) -> dict[str, Any]:
    found = _deadline(given)
    state = sla.state_of(
        sla.SlaMilestone(given["milestone"]),
        found=found,
        calendar=_calendar(given["calendar"]),
        pauses=_pauses(given.get("pauses")),
        met_at=_instant(given.get("met_at")),
        now=datetime.fromisoformat(given["now"]),
    )
    return {"due_at": _iso(found.due_at), "state": state.value}


def emergency_triage(given: Given) -> dict[str, Any]:
    is_out = bool(given.get("grid_outage"))
    return {"emergency": emergency.is_emergency(given["category"], grid_outage=is_out, on=TODAY)}


def emergency_ack(given: Given) -> dict[str, Any]:
    verdict = emergency.acknowledgement(
        contacted_at=datetime.fromisoformat(given["contacted_at"]),
        minutes=given["ack_minutes"],
        zone=ZoneInfo(given["tz"]),
        channels=given["channels"],
        acknowledged_at=_instant(given.get("acknowledged_at")),
        is_declined=bool(given.get("declined")),
        now=datetime.fromisoformat(given["now"]),
    )
    return {
        "due_at": _iso(verdict.due_at),
        "may_reassign": verdict.may_reassign,
        "channels_ok": verdict.has_all_channels,
    }


def _candidate(given: Given) -> routing.Candidate:
    return routing.Candidate(
        id=given["id"],
        is_active=given["active"],
        is_licensed=given["license_ok"],
        has_opted_in=given["opted_in"],
        states=frozenset(given["states"]),
        scopes=frozenset(given["scopes"]),
        certifications=frozenset(given["certifications"]),
        distance_km=given["distance_km"],
        max_km=given["max_km"],
        performance=given["performance"],
        open_work_orders=given["open_work_orders"],
        max_open=given["max_open"],
    )


def route(given: Given) -> dict[str, Any]:
    order = given["work_order"]
    chosen = routing.route(
        routing.Job(
            state=order["state"],
            scope=frozenset(order.get("scope") or ()),
            manufacturer=order.get("manufacturer") or "",
            is_workmanship_suspected=bool(order.get("suspected_workmanship")),
            is_emergency=bool(order.get("emergency")),
            original_installer_id=order.get("original_installer_id") or "",
            excluded=frozenset(order.get("excluded") or ()),
        ),
        [_candidate(one) for one in given["partners"]],
        performance_weight=given["policy"]["w_performance"],
        proximity_weight=given["policy"]["w_proximity"],
        full_proximity=policy.FULL_PROXIMITY.on(TODAY),
    )
    return {"assign_to": chosen.assign_to, "reason": chosen.reason.value}


def acknowledge(given: Given) -> dict[str, Any]:
    state = offer.AssignmentState(given["assignment"]["state"])
    due_at = _instant(given["assignment"].get("accept_due_at"))
    at = datetime.fromisoformat(given["at"])
    estimate = given.get("estimate_cents")
    answer = (
        offer.accept(
            state,
            accept_due_at=due_at,
            at=at,
            estimate=None if estimate is None else Money(estimate),
            spend_limit=Money(given["policy"]["prior_approval_over_cents"]),
        )
        if given["action"] == "accept"
        else offer.decline(state, accept_due_at=due_at, at=at)
    )
    if isinstance(answer, Refused):
        return {"result": answer.code, "assignment_state": state.value}
    return {"result": "ok", "assignment_state": answer.state.value, "late": answer.is_late}


def _draft(given: Given) -> completeness.InvoiceDraft:
    days = (day for day in given.get("service_dates") or () if day and day.strip())
    return completeness.InvoiceDraft(
        invoice_number=given.get("invoice_number") or "",
        customer_name=given.get("customer_name") or "",
        site_address=given.get("site_address") or "",
        work_order_number=given.get("work_order_number") or "",
        service_dates=tuple(map(date.fromisoformat, days)),
        description=given.get("description") or "",
        photo_count=given.get("photo_count") or 0,
        lines=tuple(
            completeness.DraftLine(
                category=line.get("category") or "",
                description=line.get("description") or "",
                amount_cents=line.get("amount_cents"),
                performed_at=_instant(line.get("performed_at")),
            )
            for line in given.get("lines") or ()
        ),
        total_cents=given.get("total_cents"),
    )


def _work(given: Given) -> completeness.WorkDone:
    return completeness.WorkDone(
        number=given["number"],
        partner_id=given["partner_id"],
        original_installer_id=given.get("original_installer_id") or "",
        cause=given.get("cause") or "",
        authorized_at=_instant(given.get("authorized_at")),
        is_report_complete=bool(given.get("report_complete")),
    )


def invoice_validate(given: Given) -> dict[str, Any]:
    order = given.get("work_order")
    found = completeness.check(
        _draft(given["invoice"]),
        caller_partner_id=given["caller_partner_id"],
        work=_work(order) if order else None,
        spend_limit=Money(given["policy"]["prior_approval_over_cents"]),
        approvals=[
            completeness.PriorApproval(
                role=one["role"],
                is_written=bool(one["written"]),
                at=datetime.fromisoformat(one["at"]),
                max_total=Money(one["max_total_cents"]),
            )
            for one in given.get("approvals") or ()
        ],
        others=[
            completeness.EarlierInvoice(Money(one["total_cents"]), one["status"])
            for one in given.get("other_invoices") or ()
        ],
        used_numbers=given.get("used_invoice_numbers") or (),
        on=TODAY,
    )
    return {
        "valid": not found.errors,
        "errors": list(found.errors),
        "prior_approval_required": found.needs_prior_approval,
    }


def invoice_route(given: Given) -> dict[str, Any]:
    spc = given.get("issuing_spc")
    due_at = approval.approval_due(
        submitted_at=datetime.fromisoformat(given["complete_submission_at"]),
        business_days=APPROVAL_DAYS.on(TODAY),
        calendar=_calendar(given["calendar"]),
        returned=_pauses(given.get("returned_to_partner")),
    )
    answer = {
        "route_to": approval.route_to(
            approval.IssuingSpc(spc["id"], bool(spc["active"]), spc.get("delegate_id") or "")
            if spc
            else None
        ),
        "approval_due_at": _iso(due_at),
    }
    now = _instant(given.get("now"))
    if now is None:
        return answer
    return {**answer, "escalate_to": approval.escalates_to(due_at=due_at, now=now)}


def billable_party(given: Given) -> dict[str, Any]:
    found = billing.billable_party(
        given["cause"],
        performer_id=given["performer_id"],
        original_installer_id=given.get("original_installer_id") or "",
        original_offer=given.get("original_offer") or OriginalOffer.NOT_OFFERED,
        on=TODAY,
    )
    return {
        "billable_party": found.party.value,
        "performer_reimbursable": found.is_performer_reimbursable,
        "back_bill": found.back_bill.value,
    }


def back_bill(given: Given) -> dict[str, Any]:
    found = backbill.owed(
        [backbill.PaidLine(line["cause"], Money(line["paid_cents"])) for line in given["lines"]],
        is_workmanship_confirmed=given["workmanship_confirmed"],
        original_offer=given.get("original_offer") or OriginalOffer.NOT_OFFERED,
        markup_bps=given["markup_bp"],
        already_posted=Money(given.get("already_posted_cents") or 0),
        on=TODAY,
    )
    return {
        "eligible": found.is_eligible,
        "cost_cents": found.cost.cents,
        "markup_cents": found.markup.cents,
        "total_cents": found.total.cents,
        "to_post_cents": found.to_post.cents,
    }


def _condition(given: Given | None) -> report.Condition:
    given = given or {}
    photos = given.get("photos") or ()
    return report.Condition(given.get("notes") or "", tuple(photo or "" for photo in photos))


def _rma(given: Given | None) -> report.Rma | None:
    if given is None:
        return None
    return report.Rma(
        initiated_by=given.get("initiated_by") or "",
        parts=tuple(
            report.ExchangedPart(part.get("old_serial") or "", part.get("new_serial") or "")
            for part in given.get("parts") or ()
        ),
        oem_case_number=given.get("oem_case_number") or "",
    )


def report_check(given: Given) -> dict[str, Any]:
    told = given["report"]
    missing = report.missing_from(
        report.VisitReport(
            form=told.get("form") or "",
            as_found=_condition(told.get("as_found")),
            as_departed=_condition(told.get("as_departed")),
            summary=told.get("summary") or "",
            root_cause=told.get("root_cause") or "",
            rma=_rma(told.get("rma")),
        ),
        on=TODAY,
    )
    return {"complete": not missing, "missing": list(missing)}


def case_trigger(given: Given) -> dict[str, Any]:
    from cloud.detection.rules import JudgedDay, case_reasons

    reasons = case_reasons(
        now=datetime.fromisoformat(given["now"]),
        issue_since=_instant(given.get("issue_since")),
        days=[
            JudgedDay(date.fromisoformat(day["date"]), day["actual_wh"], day["expected_wh"])
            for day in given.get("days") or ()
        ],
    )
    return {
        "open_case": bool(reasons),
        "notify_customer": bool(reasons),
        "reasons": list(reasons),
    }


def support_owner(given: Given) -> dict[str, Any]:
    return {"owner": cases.support_owner(omnidian_onboarded=given["omnidian_onboarded"], on=TODAY)}


def mail_match(given: Given) -> dict[str, Any]:
    told = given["message"]
    found = mail.match(
        mail.IncomingMail(
            sender=told.get("from") or "",
            is_authenticated=bool(told.get("spf_or_dkim_pass")),
            subject=told.get("subject") or "",
            in_reply_to=told.get("in_reply_to") or "",
            references=tuple(told.get("references") or ()),
        ),
        partner_contacts=given["partner_contacts"],
        known_message_ids=given["known_message_ids"],
        open_work_orders=given["open_work_orders"],
    )
    return {
        "work_order": found.work_order_id,
        "matched_by": found.matched_by,
        "action": "append" if found.work_order_id else "quarantine",
    }


def access_status(given: Given) -> dict[str, Any]:
    caller, asked = given["principal"], given["resource"]
    status = access.status_of(
        given["method"],
        principal=access.Principal(
            partner_id=caller.get("partner_id") or "",
            is_partner=caller["kind"] == "partner",
            mode=caller["mode"],
            scopes=caller.get("scopes") or (),
        ),
        resource=access.Resource(
            type=asked["type"],
            partner_id=asked.get("partner_id") or "",
            mode=asked["mode"],
            assignment_state=asked.get("assignment_state") or asked.get("state") or "",
        ),
        on=TODAY,
    )
    return {"status": status}


def dispute_next(given: Given) -> dict[str, Any]:
    step = disputes.next_step(
        given["level"],
        is_resolved=given["resolved"],
        finding=given.get("finding"),
        posted=Money(given.get("back_bill_posted_cents") or 0),
        on=TODAY,
    )
    return {"level": step.level, "post_credit_cents": step.credit.cents}


OPS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "holiday_calendar": holiday_calendar,
    "business_day": business_day,
    "sla_due": sla_due,
    "sla_status": sla_status,
    "emergency_triage": emergency_triage,
    "emergency_ack": emergency_ack,
    "route": route,
    "acknowledge": acknowledge,
    "invoice_validate": invoice_validate,
    "invoice_route": invoice_route,
    "billable_party": billable_party,
    "back_bill": back_bill,
    "report_check": report_check,
    "case_trigger": case_trigger,
    "support_owner": support_owner,
    "mail_match": mail_match,
    "access": access_status,
    "dispute_next": dispute_next,
}
