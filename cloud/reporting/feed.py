"""What partners are told: which entries of the log, as events of which type, and whose they are.

The log is the owner's; a partner's feed is its own. Every name that the stages write into the log
stands here, as told or as not for partners, and a test of tests finds one that does not. Payloads
hold ids and types: no names, addresses or amounts. Kinds are named as the chart of records names
them, so that who writes the log imports nothing of the stages that wrote it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Final

from cloud.kernel.errors import BadInput
from cloud.kernel.ids import derived
from cloud.reporting.policy import FEED_DAYS


class Whose(Enum):
    """Whose event an entry of the log is.

    OWN: the partner's that the record names. OFFERED: the partner's that had the work order then.
    GIVEN_ON: the partner's that lost it then. PAID: of each partner that the run pays.
    """

    OWN = "own"
    OFFERED = "offered"
    GIVEN_ON = "given_on"
    PAID = "paid"


@dataclass(frozen=True, slots=True)
class Told:
    """How one kind of entry is told.

    Attributes:
        type: as partners know it, ``work_order.offered``.
        kind: of the record that it is about, as the chart names it.
        is_money: only for Accounting Admins (F27).
        by_cause: the record is the entry's first cause, and not its subject.
    """

    type: str
    kind: str
    whose: Whose = Whose.OWN
    is_money: bool = False
    by_cause: bool = False

    @property
    def thing(self) -> str:
        """What it is about, as partners know it: the first part of the type."""
        return self.type.partition(".")[0]


def _orders() -> Iterator[tuple[str, Told]]:
    kind = "service.WorkOrder"
    for what in (
        "offered",
        "offered_again",
        "acknowledged",
        "accepted",
        "became_emergency",
        "left_unanswered",
        "contact_attempted",
        "visit_scheduled",
        "arrived",
        "departed",
        "paused",
        "resumed",
        "pause_confirmed",
        "pause_rejected",
        "pause_granted",
        "spend_requested",
        "spend_approved",
        "spend_rejected",
        "question_asked",
        "question_answered",
        "completed",
        "report_returned",
        "report_corrected",
        "cause_found",
    ):
        yield what, Told(f"work_order.{what}", kind, Whose.OFFERED)
    for milestone in ("accept", "schedule", "complete"):
        for what in (f"{milestone}_missed", f"{milestone}_excused"):
            yield what, Told(f"work_order.{what}", kind, Whose.OFFERED)
    for what in ("declined", "withdrawn", "cancelled"):
        yield what, Told(f"work_order.{what}", kind, Whose.GIVEN_ON)
    yield "reassigned", Told("work_order.taken_back", kind, Whose.GIVEN_ON)


def _invoicing() -> Iterator[tuple[str, Told]]:
    for what in (
        "submitted",
        "returned",
        "rejected",
        "withdrawn",
        "escalated",
        "approved",
        "reopened",
        "paid",
        "payment_returned",
        "void_requested",
        "void_too_late",
        "voided",
    ):
        yield what, Told(f"invoice.{what}", "invoicing.Invoice")
    for state in (
        "candidate",
        "pending",
        "confirmed",
        "notified",
        "disputed",
        "posted",
        "settled",
        "dropped",
        "credited",
    ):
        yield f"back_bill_{state}", Told(f"back_bill.{state}", "invoicing.BackBill")
    yield "offset_taken", Told("back_bill.offset_taken", "invoicing.BackBill")
    yield "dispute_opened", Told("dispute.opened", "invoicing.Dispute")
    yield "evidence_added", Told("dispute.evidence_added", "invoicing.Dispute")
    yield "dispute_escalated", Told("dispute.escalated", "invoicing.Dispute")
    yield "dispute_closed", Told("dispute.closed", "invoicing.Dispute")


def _funding() -> Iterator[tuple[str, Told]]:
    def money(type_: str, kind: str, whose: Whose = Whose.OWN, *, by_cause: bool = False) -> Told:
        return Told(type_, kind, whose, is_money=True, by_cause=by_cause)

    for what in ("opened", "withdrawn", "released"):
        yield f"payable_{what}", money(f"payable.{what}", "funding.Payable")
    for what in ("raised", "dropped", "paused", "resumed"):
        yield f"deduction_{what}", money(f"deduction.{what}", "funding.Deduction")
    yield "debt_settled", money("deduction.settled", "funding.Deduction")
    yield "plan_committed", money("payout.committed", "funding.RunPlan")
    yield "plan_stale", money("payout.postponed", "funding.RunPlan")
    yield "run_sent", money("payout.sent", "funding.FundingRun", Whose.PAID)
    yield "run_settled", money("payout.paid", "funding.FundingRun", Whose.PAID)
    yield "payment_returned", money("payout.returned", "funding.PaymentTrace")
    yield "payment_reversed", money("payout.reversed", "funding.PaymentTrace")
    for what in ("asked", "withdrawn", "granted", "denied"):
        yield f"extension_{what}", money(f"extension.{what}", "funding.ExtensionRequest")
    for what in ("opened", "answered", "asked_on", "closed"):
        yield f"ticket_{what}", money(f"ticket.{what}", "funding.Ticket")
    yield "export_ready", money("export.ready", "funding.ExportOrder")
    for what in ("joined", "left"):
        yield f"direct_pay_{what}", money(f"organisation.direct_pay_{what}", "portfolio.Partner")
    for what in ("started", "opted_in", "opted_out"):
        yield f"direct_pay_{what}", money(f"direct_pay.{what}", "funding.DirectPay")
    for what in ("equipment_ordered", "equipment_shipped", "shipment_crossed_choice"):
        yield what, money(f"direct_pay.{what}", "funding.DirectPay")
    for what in ("received", "final", "voided"):
        yield f"vendor_invoice_{what}", money(f"direct_pay.invoice_{what}", "funding.DirectPay")
    for what in ("asked", "agreed", "effective", "rejected", "withdrawn"):
        told = money(f"bank_change.{what}", "portfolio.BankChange", by_cause=True)
        yield f"bank_change_{what}", told
    for what in ("accepted", "refused", "withdrawn"):
        told = money(f"document.{what}", "portfolio.PartnerDocument", by_cause=True)
        yield f"document_{what}", told
    for what in ("reached", "revoked"):
        told = money(f"project.milestone_{what}", "portfolio.Project", by_cause=True)
        yield f"milestone_{what}", told
    for what in ("registered", "changed", "cancelled"):
        yield f"project_{what}", money(f"project.{what}", "portfolio.Project")
    yield "file_overdue", money("project.overdue", "portfolio.Project")
    yield "overdue_closed", money("project.overdue_closed", "portfolio.Project")


def _organisation() -> Iterator[tuple[str, Told]]:
    yield "contact_changed", Told("organisation.contact_changed", "portfolio.Partner")
    yield "performance_recorded", Told("scorecard.recorded", "portfolio.Partner")
    for what in ("asked", "granted", "declined"):
        yield f"opt_in_{what}", Told(f"opt_in.{what}", "portfolio.OptInRequest")


def _gathered(*parts: Iterable[tuple[str, Told]]) -> Mapping[str, tuple[Told, ...]]:
    """Give the table: a name that two stages write leads to the things that it may be about."""
    found: dict[str, tuple[Told, ...]] = {}
    for part in parts:
        for what, told in part:
            found[what] = (*found.get(what, ()), told)
    return found


TOLD: Final = _gathered(_orders(), _invoicing(), _funding(), _organisation())
"""What stands in the log -> how partners are told, by what it may be about."""
MONEY_TYPES: Final = frozenset(
    told.type for about in TOLD.values() for told in about if told.is_money
)
"""Types that are only for Accounting Admins (F27)."""

NOT_FOR_PARTNERS: Final = frozenset(
    {
        "administrative_stip_closed", "administrative_stip_opened", "approved_first",
        "back_bill_credit_posted", "back_bill_told", "back_billed", "bank_account_blocked",
        "bank_change_told", "bank_details_corrected", "bank_file_agreed", "bank_file_came",
        "bank_file_done", "baseline_put", "books_differ", "bounced", "carrying_out_ordered",
        "case_cancelled", "case_closed", "case_opened", "case_reopened", "case_resolved",
        "certifications_set", "change_notified", "charge_approved", "charge_exported",
        "charge_proposed", "charge_told", "charge_withdrawn", "chunks_asked_again", "claim_made",
        "claim_over_rate", "claim_retired", "clone_settled", "clone_suspected",
        "commission_prepaid", "compliance_case_closed", "compliance_case_opened",
        "compliance_document_recorded", "compliance_document_reviewed", "configuration_refused",
        "configuration_sent", "configuration_taken", "contact_asked", "contact_bounced",
        "customer_advised", "customer_wrote", "delegate_changed", "delivered", "device_admitted",
        "device_alarm", "device_certificate_used", "device_decommissioned", "device_exchanged",
        "device_installed", "device_live", "device_provisioned", "device_refused", "device_renewed",
        "device_replaced", "device_state", "document_recorded", "document_sent", "document_unfit",
        "draft_discarded", "draft_saved", "dunned", "enlisted", "export_asked", "extension_overdue",
        "extension_released", "external_update", "finding_made", "fixed_remotely",
        "funding_day_published", "funding_day_withdrawn", "grid_outage", "handed_over",
        "help_asked_for", "help_dismissed", "help_linked", "help_unmatched", "hold_discarded",
        "hold_ended", "hold_released", "installer_changed", "internal_cost_recorded", "issued",
        "kind_makes_less", "licences_set", "line_causes_found", "lowered", "mail_discarded",
        "mail_filed", "mail_not_sent", "mail_returned", "mail_vouched_for", "manual_dispatch",
        "no_answer", "no_data", "not_sent", "opening_ordered", "opted_in", "organisation_moved",
        "payment_plan_assigned", "payment_plan_put", "person_added", "person_retired", "phoned",
        "post_dropped", "post_held", "post_released", "prenote_sent", "preparing_ordered",
        "program_resumed", "program_stopped", "recovered", "reminded", "renewal_asked",
        "report_failed", "report_mailed", "rerouted", "reversal_ordered", "role_granted",
        "role_revoked", "run_approved", "run_committed", "run_filed", "run_not_sent",
        "run_prepared", "run_released", "run_sending", "schedule_changed", "schedule_ended",
        "schedule_made", "schedule_stopped", "sending_ordered", "sending_unsure",
        "serials_confirmed", "serials_mismatch", "serials_not_asked", "serials_not_seen",
        "serials_settled", "serials_waiting", "site_visit_required", "spend_approved_first",
        "suspense_assigned", "sweep_held", "sweep_incomplete", "upload_kept", "upload_refused",
        "vendor_recorded", "version_kept", "warranty_granted", "warranty_prices_imported",
        "warranty_voided", "weather_put", "webhook_changed", "webhook_deleted", "webhook_made",
        "webhook_rotated", "webhook_switched_off", "work_did_not_hold",
    }
)  # fmt: skip
"""What stands in the log and is the owner's, the customer's or another stage's business.

What a command of the partner's own answers at once is not told again, nor is what is only an
order of somebody's to a later step.
"""
PING: Final = "webhook_endpoint.ping"
"""The type of an event that a partner asks for, to try an endpoint."""
TYPES: Final = frozenset({one.type for told in TOLD.values() for one in told} | {PING})
"""All types of events."""
EVERY: Final = ".*"
"""Ends a word that stands for all types of one thing, ``work_order.*``."""


def require_types(wanted: Iterable[str]) -> None:
    """Refuse a word that is neither a type nor all types of one thing.

    Raises:
        BadInput: it is not; the message names it.
    """
    families = {f"{one.partition('.')[0]}{EVERY}" for one in TYPES}
    unknown = sorted(set(wanted) - TYPES - families)
    if unknown:
        msg = f"{unknown[0]!r} is no type of event: use one as work_order.offered, or work_order.*"
        raise BadInput(msg)


def is_wanted(type_: str, wanted: Iterable[str]) -> bool:
    """Tell whether a type is among those asked for; no words ask for all of them."""
    asked = set(wanted)
    return not asked or type_ in asked or f"{type_.partition('.')[0]}{EVERY}" in asked


# ---------------------------------------------------------------------- what is kept
@dataclass(frozen=True, slots=True)
class ToldEvent:
    """One event of a partner's feed; it never changes, and expires (WH-01).

    Attributes:
        id: partner and number, as `event_key` gives it.
        number: its place in the feed; each partner's are 1, 2, 3 and so on without a gap.
        at: when it became true.
        told_at: when it was written down here.
        thing, thing_id: what it is about.
        endpoint_id: the webhook endpoint that alone is told, of a ping.
    """

    id: str
    partner_id: str
    number: int
    type: str
    at: datetime
    told_at: datetime
    expires_at: datetime
    thing: str
    thing_id: str
    mode: str
    is_money: bool = False
    endpoint_id: str = ""

    @property
    def public_id(self) -> str:
        """The id that partners see, the same in the feed and in each delivery of a webhook."""
        return f"{derived('EVT', self.partner_id, self.number)}-{self.number}"

    def payload(self) -> dict[str, Any]:
        """Give the event as partners see it, in the feed and in webhooks."""
        return {
            "id": self.public_id,
            "type": self.type,
            "timestamp": f"{self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "mode": self.mode,
            "data": {"kind": self.thing, "id": self.thing_id},
        }

    def body(self) -> bytes:
        """Give the payload as it is signed and sent: the same bytes each time."""
        return json.dumps(self.payload(), separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class FeedHead:
    """How far a partner's feed has come.

    Attributes:
        id: the partner's.
        last: the number that was given last.
        days: the first number of each day of UTC on which something was told, as long as it may
            still be read.
    """

    id: str
    last: int = 0
    days: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Telling:
    """That one entry of the log was told to one partner: it is told once."""

    id: str
    number: int
    expires_at: datetime


def event_key(partner_id: str, number: int) -> str:
    """Give the id that an event of a partner's feed is kept under."""
    return f"{partner_id}.{number:012d}"


def number_of(public_id: str) -> int | None:
    """Give the number that an event's id ends with, None for what is no such id."""
    number = public_id.rpartition("-")[2]
    is_number = number.isascii() and number.isdigit() and len(number) <= 12
    return int(number) if is_number else None


def moved_on(head: FeedHead, told_at: datetime) -> FeedHead:
    """Give the head with one number more; days that nobody may read any more are left out."""
    today = told_at.astimezone(UTC).date()
    oldest = (today - timedelta(days=FEED_DAYS.on(today) + 1)).isoformat()
    days = tuple(one for one in head.days if one[0] >= oldest)
    if not days or days[-1][0] < today.isoformat():
        days = (*days, (today.isoformat(), head.last + 1))
    return FeedHead(head.id, head.last + 1, days)


def expires_at(told_at: datetime) -> datetime:
    """Give when an event may not be read any more (WH-01)."""
    return told_at + timedelta(days=FEED_DAYS.on(told_at.astimezone(UTC).date()))


def before_the_oldest(head: FeedHead, at: datetime) -> int:
    """Give the number before the first that may still be there: where a new reader begins."""
    today = at.astimezone(UTC).date()
    oldest = (today - timedelta(days=FEED_DAYS.on(today))).isoformat()
    first = next((number for day, number in head.days if day >= oldest), head.last + 1)
    return first - 1
