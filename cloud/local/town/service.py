"""The town's service: cases from the first call to the paid invoice, and those that got stuck.

Each case is a story: it acts, names the instant at which it wants to go on, and stands wherever
the town's last day finds it. So work is in every state, and each state has its whole past.
"""

from collections.abc import Generator, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from functools import partial

from cloud.kernel.calendar import wall_time
from cloud.kernel.change import Change, Message
from cloud.kernel.ids import derived
from cloud.kernel.money import Money
from cloud.local.town import partners, troubles
from cloud.local.town.bills import Bill
from cloud.local.town.jobs import Job, confirm, order_of, worker_of
from cloud.local.town.making import AFTERMARKET, COORDINATOR_ID, Town, office
from cloud.local.town.places import GOLDEN
from cloud.local.town.projects import Course
from cloud.local.town.turns import LEAKS, Errand, Turn, errands
from cloud.service import process as service
from cloud.service.cases import Desks
from cloud.service.models import Case, CaseSource, CaseState, Cause, ReportedFamily, WorkOrder

Story = Iterator[datetime]
DESKS = Desks(
    coordinator_id=COORDINATOR_ID,
    support_center="support-center@partner.example",
    aftermarket="operations@owner.example",
)
"""As the template's parameters name them."""

FOUND_AT = "SITE-GOL-004"


def plan(town: Town, listed: Sequence[Course]) -> None:
    """Put the stories on the agenda."""
    for errand in errands(listed):
        town.at(errand.opens_at, partial(_begin, errand=errand))

    town.at(office(date(2026, 6, 1), time(10, 15)), lambda town: town.follow(_mended_next(town)))


def _mended_next(town: Town) -> Story:
    """Let the partner take what detection found of the home with the dead string."""
    found = town.records.find(Case, by="site_id", value=FOUND_AT)
    orders = [order_of(town, one.record.id) for one in found]
    if not orders or orders[0] is None:
        return
    order_id = orders[0]
    who = town.record(WorkOrder, order_id).partner_id or ""
    named = {"work_order_id": order_id, "partner_id": who, "by": worker_of(who)}
    town.do(service.accept, **named, estimate=Money(420_00))
    yield office(date(2026, 6, 2), time(9, 35))
    outcome = "spoke to the homeowner, who asks for the week after"
    town.do(service.contact_attempt, **named, channel="phone", outcome=outcome)
    yield office(date(2026, 6, 3), time(11, 20))
    since = wall_time(date(2026, 6, 9), time(10), GOLDEN.clock)
    town.do(
        service.schedule_visit,
        **named,
        since=since,
        until=since + timedelta(hours=2),
        technician=partners.first_of(partners.BY_ID[who], since).name,
    )


def _begin(town: Town, *, errand: Errand) -> None:
    town.follow(_story(town, errand))


# ---------------------------------------------------------------------- the story of a case
def _story(town: Town, errand: Errand) -> Story:
    case_id = yield from _opened(town, errand)
    if errand.turn is Turn.FROM_AFAR:
        yield from _from_afar(town, case_id)
        return
    order_id = order_of(town, case_id)
    if order_id is None:
        return
    job = Job(town, errand, case_id, order_id)
    is_done = yield from job.worked()
    if is_done:
        yield from Bill(job).settled()


def _opened(town: Town, errand: Errand) -> Generator[datetime, None, str]:
    """Open the case, by detection's word or a person's, and have somebody sent; give its id."""
    if errand.turn in LEAKS:
        return _report(town, errand, ReportedFamily.ROOF_LEAK, troubles.ROOF_LEAK)
    is_suspected = errand.turn in {Turn.CLAIMED, Turn.CLAIM_DISPUTED}
    if errand.trouble.found_by and errand.number % 2 and not is_suspected:
        return _found(town, errand)
    case_id = _report(town, errand, errand.trouble.family, errand.trouble.customer)
    if errand.turn is Turn.FROM_AFAR:
        return case_id
    yield town.now + timedelta(minutes=25 + errand.draws.below(60))
    if errand.turn is Turn.CUSTOMERS:
        town.do(
            service.advise_customer, case_id=case_id, code=Cause.CRITTER_REMEDIATION, by=AFTERMARKET
        )
    if town.record(Case, case_id).state is CaseState.OPEN:
        town.do(
            service.require_site_visit,
            case_id=case_id,
            scope=("electrical",),
            instructions=errand.trouble.asked,
            is_workmanship_suspected=is_suspected or None,
            spc_id=COORDINATOR_ID,
            by=AFTERMARKET,
        )
        town.settle()
    return case_id


def _report(town: Town, errand: Errand, family: ReportedFamily, says: str) -> str:
    home = errand.course.home
    source = errand.draws.pick((CaseSource.PHONE, CaseSource.PHONE, CaseSource.CHAT))
    case = town.do(
        service.report,
        source=source,
        site_id=home.site_id,
        family=family,
        says=says,
        reported_by=home.name,
        contact=home.phone,
        by=AFTERMARKET,
        desks=DESKS,
    )
    town.settle()
    return case.id


_FAMILIES = {
    ReportedFamily.LOW_PRODUCTION: "PRODUCTION",
    ReportedFamily.NO_PRODUCTION: "INVERTER",
    ReportedFamily.MONITORING: "COMMUNICATIONS",
    ReportedFamily.BATTERY: "BATTERY",
}


def _found(town: Town, errand: Errand) -> str:
    """Send what detection would have found into its queue: nobody listened to most homes then."""
    home, trouble = errand.course.home, errand.trouble
    onset = town.now.date() - timedelta(3)
    finding_id = derived("F", home.site_id, trouble.family, onset.isoformat())
    body = {
        "finding_id": finding_id,
        "site_id": home.site_id,
        "family": _FAMILIES[trouble.family],
        "tier": "dispatch",
        "rule": trouble.found_by,
        "onset": onset.isoformat(),
        "says": trouble.asked.partition(":")[0],
        "evidence": [f"{onset + timedelta(day):%d %b}: seen at 13:00 and 21:00" for day in (0, 1)],
        "causes": [],
    }
    told = Message(id=finding_id, topic="finding", body=body, at=town.now)
    town.records.commit(Change(messages=(told,)))
    town.settle()
    found = town.records.find(Case, by="site_id", value=home.site_id)
    return next(one.record.id for one in found if finding_id in one.record.findings)


def _from_afar(town: Town, case_id: str) -> Story:
    yield town.now + timedelta(hours=2)
    says = "restarted the gateway by a command and asked the customer to reset the router"
    town.do(service.remote_fix, case_id=case_id, says=says, by=AFTERMARKET)
    yield office(town.now.date() + timedelta(2), time(11, 5))
    confirm(town, case_id)
