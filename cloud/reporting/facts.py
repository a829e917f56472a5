"""What a report is made of: records as they stood at an instant, loaded once.

Work orders, cases and invoices are found through the log, which nothing takes back: those of a
period by the events that began them, those that stood open as what had begun and not ended.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import chain
from typing import TypeVar

from cloud.invoicing.models import BackBill, Dispute, Invoice, Superseded, WorkOrderSpend
from cloud.invoicing.process.books import superseded_ids
from cloud.kernel.change import Event
from cloud.portfolio.models import LIVE, Partner, Site
from cloud.portfolio.organisation import Technician
from cloud.portfolio.process import all_partners
from cloud.reporting.history import (
    CASE_EVENTS,
    INVOICE_EVENTS,
    ORDER_EVENTS,
    case_at,
    invoice_at,
    order_at,
)
from cloud.reporting.models import Asked
from cloud.reporting.ports import ToldRecords
from cloud.service.models import Case, Report, ReportState, WorkOrder
from cloud.service.policy import FIRST_DAY

R = TypeVar("R")

ENDINGS = ("completed", "cancelled")
CASE_ENDINGS = ("case_resolved", "case_closed", "case_cancelled", "cancelled")
DECISIONS = ("approved", "rejected", "withdrawn")
"""Events that end the wait of an invoice; one that is opened again waits again."""
GIVEN_ON = ("declined", "reassigned", "withdrawn")
"""What takes a work order away from a partner."""
_AT_ONCE = 1000
"""How many records are asked for in one call."""


@dataclass(frozen=True)
class Facts:
    """What was known at the instant that was asked for, each sequence in order of id.

    Attributes:
        log: subject -> its events so far.
        partners: as they are today; only what does not change, or is noted, is told of them.
    """

    asked: Asked
    orders: tuple[WorkOrder, ...] = ()
    cases: tuple[Case, ...] = ()
    invoices: tuple[Invoice, ...] = ()
    bills: tuple[BackBill, ...] = ()
    disputes: tuple[Dispute, ...] = ()
    reports: tuple[Report, ...] = ()
    log: Mapping[str, Sequence[Event]] | None = None
    sites: Mapping[str, Site] | None = None
    partners: tuple[Partner, ...] = ()
    technicians: tuple[Technician, ...] = ()

    def events(self, subject: str, *whats: str) -> list[Event]:
        """Give what was told of a subject, all of it or only some kinds."""
        told = (self.log or {}).get(subject, ())
        return [one for one in told if not whats or one.what in whats]

    @cached_property
    def case_of(self) -> Mapping[str, Case]:
        """The cases by their ids."""
        return {case.id: case for case in self.cases}

    @cached_property
    def orders_of(self) -> Mapping[str, Sequence[WorkOrder]]:
        """The work orders by the ids of their cases, those of none left out."""
        return by_case(self.orders)

    @cached_property
    def invoices_of(self) -> Mapping[str, Sequence[Invoice]]:
        """The invoices by the ids of their work orders, in the order of their submission."""
        found = defaultdict(list)
        for invoice in sorted(self.invoices, key=lambda one: (one.submitted_at, one.id)):
            found[invoice.work_order_id].append(invoice)
        return found

    def region(self, site_id: str) -> str:
        """Give the state that a site lies in; empty where it is not on record."""
        site = (self.sites or {}).get(site_id)
        return site.state if site else ""

    def holder(self, order: WorkOrder) -> str:
        """Give who has or last had a work order."""
        return order.assignments[-1].partner_id if order.assignments else ""


def by_case(orders: Iterable[WorkOrder]) -> Mapping[str, Sequence[WorkOrder]]:
    """Give work orders by the ids of their cases."""
    found = defaultdict(list)
    for order in orders:
        found[order.case_id].append(order)
    return found


def months(since: datetime, until: datetime) -> list[str]:
    """Give the months of UTC from one instant to another, both included."""
    first, last = since.astimezone(UTC), until.astimezone(UTC)
    count = 12 * (last.year - first.year) + last.month - first.month
    return [
        f"{first.year + (first.month - 1 + step) // 12}-{(first.month - 1 + step) % 12 + 1:02d}"
        for step in range(count + 1)
    ]


def of_period(records: ToldRecords, asked: Asked) -> Facts:
    """Load the work orders that were issued and the cases that were opened in the period.

    It asks once a month and kind of event, and for the records a hundred at a time; the size of the
    house outside of the period does not matter.
    """
    issued = _begun(records, asked, "issued")
    opened = _begun(records, asked, "case_opened")
    return _loaded(records, asked, order_ids=issued, case_ids=opened, since=asked.starts_at)


def of_partners_work(records: ToldRecords, asked: Asked) -> Facts:
    """Load what `of_period` does, and the partners with their disputes."""
    found = of_period(records, asked)
    partners = _partners(records)
    disputes = [
        stored.record
        for partner in partners
        if asked.partner_id in {"", partner.id}
        for stored in records.find(Dispute, by="partner_id", value=partner.id)
    ]
    known = sorted((one for one in disputes if asked.covers(one.opened_at)), key=lambda it: it.id)
    return replace(found, partners=partners, disputes=tuple(known))


def of_own_work_now(records: ToldRecords, asked: Asked) -> Facts:
    """Load one partner's work orders of the period as they stand: those it has and those it had.

    It costs by the partner's own work, not by what the whole house did meanwhile. What was given on
    is found by the events that took it away; the rest is told by the records themselves, whose
    logs are read only where work did not hold or a report came in another version.

    Args:
        records: the house.
        asked: names the partner; its instant is now: records are given as they stand.
    """
    orders = [one for one in _offered_to(records, asked) if asked.covers(one.issued_at)]
    cases = _all(records, Case, {one.case_id for one in orders})
    homes = {one.site_id for one in orders} | {one.site_id for one in cases}
    sites = {one.id: one for one in _all(records, Site, homes)}
    live = {site_id for site_id, site in sites.items() if site.mode == LIVE}
    known = tuple(one for one in orders if _is_live(one.site_id, sites, live))
    spends = _all(records, WorkOrderSpend, [one.id for one in known])
    reports = _all(records, Report, [one.report_id for one in known if one.report_id])
    partner = records.load(Partner, asked.partner_id)
    disputes = (
        one.record for one in records.find(Dispute, by="partner_id", value=asked.partner_id)
    )
    return Facts(
        asked,
        orders=known,
        cases=tuple(one for one in cases if _is_live(one.site_id, sites, live)),
        invoices=tuple(
            _all(records, Invoice, {one.invoice_id for spend in spends for one in spend.spent})
        ),
        disputes=tuple(one for one in disputes if asked.covers(one.opened_at)),
        reports=tuple(reports),
        log={
            **{one.work_order_id: _returns_told(records, one) for one in reports},
            **{one.id: _turns_told(records, one) for one in cases},
        },
        sites=sites,
        partners=(partner.record,) if partner and partner.record.mode == LIVE else (),
    )


def of_instant(records: ToldRecords, asked: Asked) -> Facts:
    """Load what stood open at the instant: work orders, cases, and invoices nobody had decided.

    What began and ended before costs its two events to read, and is not loaded, unless its case is
    open. A case that was opened again is open, and so is an invoice.
    """
    since = _beginning()
    issued = _told(records, ("issued",), since, asked.as_of)
    ended = {one.subject for one in _told(records, ENDINGS, since, asked.as_of)}
    turns = _told(records, ("case_opened", "case_reopened", *CASE_ENDINGS), since, asked.as_of)
    last = {one.subject: one.what for one in turns}
    open_cases = {subject for subject, what in last.items() if what not in CASE_ENDINGS}
    theirs = {one.subject for one in issued if open_cases & set(one.causes)}
    steps = _told(records, ("submitted", "reopened", *DECISIONS), since, asked.as_of)
    latest = {one.subject: one.what for one in steps}
    return _loaded(
        records,
        asked,
        order_ids=({one.subject for one in issued} - ended) | theirs,
        case_ids=open_cases,
        invoice_ids={subject for subject, what in latest.items() if what not in DECISIONS},
        since=since,
    )


def of_claims(records: ToldRecords, asked: Asked) -> Facts:
    """Load every work order that an original installer let pass, with its back-bill.

    Found by refusals and reassignments, of which there are few, and by each partner's back-bills.
    """
    let_pass = _told(records, ("declined", "reassigned"), _beginning(), asked.as_of)
    partners = _partners(records)
    bills = [
        stored.record
        for partner in partners
        for stored in records.find(BackBill, by="partner_id", value=partner.id)
    ]
    ids = {one.subject for one in let_pass} | {bill.work_order_id for bill in bills}
    found = _loaded(records, asked, order_ids=ids, case_ids=set(), since=_beginning())
    wanted = {order.id for order in found.orders}
    known = sorted((one for one in bills if one.work_order_id in wanted), key=lambda it: it.id)
    return replace(found, bills=tuple(known), partners=partners)


def of_partners(records: ToldRecords, asked: Asked) -> Facts:
    """Load the partners with their technicians."""
    partners = _partners(records)
    technicians = [
        stored.record
        for partner in partners
        if asked.partner_id in {"", partner.id}
        for stored in records.find(Technician, by="partner_id", value=partner.id)
    ]
    return Facts(asked, partners=partners, technicians=tuple(technicians))


def _offered_to(records: ToldRecords, asked: Asked) -> list[WorkOrder]:
    """Give the work orders that a partner was offered since the period began, in order of id."""
    mine = asked.partner_id
    held = {
        one.record.id: one.record for one in records.find(WorkOrder, by="partner_id", value=mine)
    }
    taken = _told(records, GIVEN_ON, asked.starts_at, asked.as_of)
    had = _all(records, WorkOrder, {one.subject for one in taken} - held.keys())
    found = held | {
        one.id: one for one in had if any(offer.partner_id == mine for offer in one.assignments)
    }
    return [found[one] for one in sorted(found)]


def _returns_told(records: ToldRecords, report: Report) -> Sequence[Event]:
    """Give what was told of reports that came back; one that stands as it first came never did."""
    if report.version == 1 and report.state is not ReportState.RETURNED:
        return ()
    return records.history(report.work_order_id)


def _turns_told(records: ToldRecords, case: Case) -> Sequence[Event]:
    """Give how a case went to and fro; of one that never came back, its end is all there is."""
    if case.reopened or case.returns:
        return records.history(case.id)
    if case.resolved_at is None:
        return ()
    return (Event(case.id, "case_resolved", case.resolved_at, "", case.rule),)


def _partners(records: ToldRecords) -> tuple[Partner, ...]:
    live = (one for one in all_partners(records) if one.mode == LIVE)
    return tuple(sorted(live, key=lambda partner: partner.id))


def _beginning() -> datetime:
    """Give the instant before which no policy held, so that nothing can have been issued."""
    return datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC)


def _told(
    records: ToldRecords, whats: Sequence[str], since: datetime, until: datetime
) -> list[Event]:
    """Give all events of some kinds up to an instant, in order of time."""
    found = chain.from_iterable(
        records.told(what, month=month) for month in months(since, until) for what in whats
    )
    return sorted((one for one in found if one.at <= until), key=lambda one: one.at)


def _begun(records: ToldRecords, asked: Asked, what: str) -> set[str]:
    if asked.starts_at >= asked.ends_at:
        return set()
    told = _told(records, (what,), asked.starts_at, asked.ends_at)
    return {one.subject for one in told if asked.covers(one.at)}


def _loaded(
    records: ToldRecords,
    asked: Asked,
    *,
    order_ids: Iterable[str],
    case_ids: Iterable[str],
    since: datetime,
    invoice_ids: Iterable[str] = (),
) -> Facts:
    """Load records with what hangs on them, and give them as they stood."""
    extra = _all(records, Invoice, invoice_ids)
    wanted = {*order_ids, *(invoice.work_order_id for invoice in extra)}
    orders = _all(records, WorkOrder, wanted)
    cases = _all(records, Case, {*case_ids, *(order.case_id for order in orders)})
    spends = _all(records, WorkOrderSpend, [order.id for order in orders])
    spent = {one.invoice_id for spend in spends for one in spend.spent}
    invoices = _all(records, Invoice, spent | {one.id for one in extra})
    sites = {
        site.id: site
        for site in _all(
            records, Site, {order.site_id for order in orders} | {case.site_id for case in cases}
        )
    }
    live = {site_id for site_id, site in sites.items() if site.mode == LIVE}
    at = asked.as_of
    log = _log(
        records,
        subjects=(
            ([order.id for order in orders], ORDER_EVENTS),
            ([case.id for case in cases], CASE_EVENTS),
            ([invoice.id for invoice in invoices], INVOICE_EVENTS),
        ),
        since=min([since, *(order.issued_at for order in orders), *_openings(cases)]),
        until=at,
    )
    stood = [order_at(order, log.get(order.id, ()), at) for order in orders]
    known = tuple(one for one in stood if one is not None and _is_live(one.site_id, sites, live))
    of_case = by_case(known)
    kept = _by_invoice(
        _all(records, Superseded, [name for one in invoices for name in superseded_ids(one)])
    )
    past = [invoice_at(one, log.get(one.id, ()), at, kept.get(one.id, ())) for one in invoices]
    return Facts(
        asked,
        orders=known,
        cases=tuple(
            case_at(case, log.get(case.id, ()), of_case.get(case.id, ()), at)
            for case in cases
            if case.opened_at <= at and _is_live(case.site_id, sites, live)
        ),
        invoices=tuple(one for one in past if one is not None),
        reports=tuple(_all(records, Report, [one.report_id for one in known if one.report_id])),
        log=log,
        sites=sites,
    )


def _is_live(site_id: str, sites: Mapping[str, Site], live: set[str]) -> bool:
    return site_id in live or site_id not in sites


def _openings(cases: Iterable[Case]) -> Iterator[datetime]:
    return (case.opened_at for case in cases)


def _by_invoice(superseded: Iterable[Superseded]) -> dict[str, list[Superseded]]:
    kept: dict[str, list[Superseded]] = defaultdict(list)
    for one in superseded:
        kept[one.invoice.id].append(one)
    return kept


def _all(records: ToldRecords, kind: type[R], ids: Iterable[str]) -> list[R]:
    wanted = sorted(set(ids))
    found: dict[str, R] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        stored = records.load_all(kind, wanted[start : start + _AT_ONCE])
        found |= {one: it.record for one, it in stored.items()}
    return [found[one] for one in wanted if one in found]


def _log(
    records: ToldRecords,
    *,
    subjects: Iterable[tuple[Sequence[str], Sequence[str]]],
    since: datetime,
    until: datetime,
) -> dict[str, list[Event]]:
    """Give what was told of subjects, by the cheaper way: subject by subject, or month by month."""
    log: dict[str, list[Event]] = defaultdict(list)
    for ids, whats in subjects:
        wanted = set(ids)
        if len(wanted) <= len(whats) * len(months(since, until)):
            found = [one for subject in sorted(wanted) for one in records.history(subject)]
        else:
            found = _told(records, whats, since, until)
        for event in found:
            if event.subject in wanted and event.what in whats and event.at <= until:
                log[event.subject].append(event)
    return {
        subject: sorted(events, key=lambda one: (one.at, one.what))
        for subject, events in log.items()
    }


def day_of(instant: datetime) -> date:
    """Give the day of UTC whose rules a report goes by."""
    return instant.astimezone(UTC).date()


def elapsed(since: datetime, until: datetime) -> timedelta:
    """Give the time between two instants, whatever zones they carry."""
    return until.astimezone(UTC) - since.astimezone(UTC)
