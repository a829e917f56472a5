"""Asking for a report, and telling routing how partners work."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta

from cloud.kernel.calendar import EASTERN
from cloud.kernel.errors import NotFound
from cloud.portfolio.models import LIVE
from cloud.portfolio.process import all_partners, record_performance
from cloud.reporting.facts import (
    Facts,
    of_claims,
    of_instant,
    of_partners,
    of_partners_work,
    of_period,
)
from cloud.reporting.figures import performance
from cloud.reporting.models import Asked, Report
from cloud.reporting.money import back_bill_exposure, invoice_pipeline, spend_control
from cloud.reporting.partners import (
    compliance_expiry,
    partner_scorecard,
    routing_audit,
    tries_of,
)
from cloud.reporting.policy import PERFORMANCE_DAYS
from cloud.reporting.ports import ToldRecords
from cloud.reporting.service_levels import due_soon, pause_audit, replay, sla_compliance
from cloud.reporting.standing import (
    ageing,
    customer_clock,
    detection_precision,
    omnidian,
    verification,
)

Gathered = Callable[[ToldRecords, Asked], Facts]
BY_SCORECARD = "scorecard"

REPORTS: Mapping[str, tuple[Gathered, Callable[[Facts], Report]]] = {
    "ageing": (of_instant, ageing),
    "back_bill_exposure": (of_claims, back_bill_exposure),
    "compliance_expiry": (of_partners, compliance_expiry),
    "customer_clock": (of_period, customer_clock),
    "detection_precision": (of_period, detection_precision),
    "due_soon": (of_instant, due_soon),
    "invoice_pipeline": (of_instant, invoice_pipeline),
    "omnidian": (of_period, omnidian),
    "partner_scorecard": (of_partners_work, partner_scorecard),
    "pause_audit": (of_period, pause_audit),
    "replay": (of_period, replay),
    "routing_audit": (of_period, routing_audit),
    "sla_compliance": (of_period, sla_compliance),
    "spend_control": (of_period, spend_control),
    "verification": (of_period, verification),
}
"""Name -> what is loaded for it, and the pure function that makes it."""


def report(records: ToldRecords, name: str, asked: Asked) -> Report:
    """Give a report as of an instant; asking again gives the same, whatever happened since.

    Raises:
        NotFound: there is no report of that name.
    """
    if name not in REPORTS:
        msg = f"there is no report {name!r}: ask for {', '.join(REPORTS)}"
        raise NotFound(msg)
    gather, made = REPORTS[name]
    return made(gather(records, asked))


def refresh_performance(records: ToldRecords, *, at: datetime) -> Mapping[str, int]:
    """Put every active partner's performance on record, by the scorecard (OR-02, OR-03).

    As of the first instant of the month in Eastern time, so that a call that comes twice, or late,
    works out the same and changes nothing.
    """
    local = at.astimezone(EASTERN)
    first = local.date().replace(day=1)
    as_of = datetime.combine(first, time(), tzinfo=EASTERN).astimezone(UTC)
    since = first - timedelta(days=PERFORMANCE_DAYS.on(first))
    facts = of_period(records, Asked(as_of=as_of, since=since, until=first))
    tries = tries_of(facts)
    found = {}
    for partner in sorted(all_partners(records), key=lambda one: one.id):
        if not partner.active or partner.mode != LIVE:
            continue
        score = performance(tries.get(partner.id, {}), on=first)
        found[partner.id] = score
        record_performance(
            records, partner_id=partner.id, performance=score, as_of=as_of, by=BY_SCORECARD
        )
    return found
