"""Who plays in the demo: homes, partners, people, and what breaks where and when. All invented."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from cloud.kernel.money import Money
from cloud.kernel.secret import Secret
from cloud.local.homes.street import FaultKind, Home, HouseSpec
from cloud.portfolio.models import ApiClient, Milestone, Partner, PlanShare, Project, Site
from cloud.service.models import Coordinator

UTC_OFFSET_HOURS = -7
STANDARD = timezone(timedelta(hours=UTC_OFFSET_HOURS))
LOCAL = ZoneInfo("America/Denver")

HISTORY_FROM = date(2026, 5, 11)
STORY_FROM = date(2026, 6, 1)
STORY_DAYS = 28
STARTS_AT = datetime(2026, 6, 1, 0, 0, tzinfo=STANDARD)
ENDS_AT = STARTS_AT + timedelta(days=STORY_DAYS)

STRING_DIES_AT = datetime(2026, 6, 4, 13, 0, tzinfo=STANDARD)
INVERTER_FAULTS_AT = datetime(2026, 6, 9, 11, 0, tzinfo=STANDARD)
CLOUDY: Mapping[int, float] = {
    (date(2026, 6, day) - HISTORY_FROM).days: share
    for day, share in ((22, 0.45), (23, 0.3), (24, 0.35), (25, 0.4), (26, 0.5))
}
"""A grey week over the whole street: every home makes far less than 85% of its month's usual."""

TESLA_INVERTER = "1538000-45-A"


@dataclass(frozen=True, slots=True)
class Household:
    """A site and the home that stands there."""

    site: Site
    home: Home


@dataclass(frozen=True, slots=True)
class Repair:
    """What a partner finds, does and asks for, in one kind of visit.

    Attributes:
        estimate: what it thinks the work will cost.
        lines: category, description and amount of the invoice.
        parts: old and new serial number, where something was exchanged.
    """

    estimate: Money
    as_found: str
    as_departed: str
    summary: str
    root_cause: str
    lines: tuple[tuple[str, str, Money], ...]
    parts: tuple[str, str] | None = None


def _household(
    place: int,
    name: str,
    *,
    installer: str = "P-ALDER",
    breaks: tuple[tuple[FaultKind, datetime], ...] = (),
    inverter: int = 103,
    battery: int | None = None,
    model: str = "SE-5000",
    is_talking: bool = False,
) -> Household:
    site = Site(
        id=f"SITE-{name.upper()}",
        gateway_id=f"gw-{name}",
        customer_name=f"{name.title()} Household",
        customer_email=f"{name}@homes.example",
        address=f"{place} {name.title()} Lane, Golden CO 80401",
        state="CO",
        latitude=39.74 + place / 1000,
        longitude=-105.17 + place / 1000,
        utc_offset_hours=UTC_OFFSET_HOURS,
        time_zone="America/Denver",
        commissioned_on=HISTORY_FROM,
        dc_rating_w=3200 + 160 * place,
        manufacturer="Tesla" if model == TESLA_INVERTER else "Sunreeve",
        inverter_model=model,
        installer_id=installer,
        workmanship_until=date(2035, 12, 31),
    )
    spec = HouseSpec(
        serial=f"SN-{name.upper()}-1",
        inverter=inverter,
        battery=battery,
        rated_w=5000,
    )
    home = Home(
        gateway_id=site.gateway_id,
        house=spec,
        size=site.dc_rating_w / 3200,
        breaks=breaks,
        cloudy=CLOUDY,
        is_talking=is_talking,
    )
    return Household(site, home)


HOUSEHOLDS = (
    _household(
        1,
        "ash",
        breaks=((FaultKind.DEAD_STRING, STRING_DIES_AT),),
        battery=802,
        is_talking=True,
    ),
    _household(
        2,
        "birch",
        installer="P-BRIGHT",
        breaks=((FaultKind.INVERTER_FAULT, INVERTER_FAULTS_AT),),
        inverter=701,
        battery=713,
        is_talking=True,
    ),
    _household(3, "cedar", model=TESLA_INVERTER, is_talking=True),
    *(
        _household(place, name)
        for place, name in enumerate(("dogwood", "elm", "fir", "gum", "hazel", "ivy"), 4)
    ),
)
"""Three that tell the story, over real sockets, and six quiet neighbours."""


def more_households(count: int) -> tuple[Household, ...]:
    """Give so many further homes of the street, healthy ones, each over real sockets."""
    return tuple(
        _household(20 + number % 60, f"home{number:03}", is_talking=True)
        for number in range(1, count + 1)
    )


def _partner(partner_id: str, name: str, *, performance: int, account: str) -> Partner:
    mailbox = partner_id.removeprefix("P-").lower()
    return Partner(
        id=partner_id,
        name=name,
        service_email=f"service@{mailbox}.example",
        remittance_email=f"accounts@{mailbox}.example",
        states=frozenset({"CO"}),
        scopes=frozenset({"electrical", "diagnosis"}),
        certifications=frozenset({"Sunreeve", "Tesla"}),
        latitude=39.7,
        longitude=-105.1,
        max_km=120,
        performance=performance,
        routing_number="021000021" if account.endswith("7") else "011401533",
        account_number=Secret(account),
        w9_on_file=True,
        bank_authorization_on_file=True,
    )


PARTNERS = (
    _partner("P-ALDER", "Alder Solar LLC", performance=82, account="000123456787"),
    _partner("P-BRIGHT", "Brightline Electric Inc", performance=91, account="000987654321"),
)
CLIENTS = tuple(
    ApiClient(f"client-{partner.id.removeprefix('P-').lower()}", partner.id) for partner in PARTNERS
)
COORDINATOR = Coordinator("sam.spc", "Sam Coordinator", "sam@owner.example")

PROJECT = Project(
    id="PRJ-CEDAR",
    site_id="SITE-CEDAR",
    partner_id="P-ALDER",
    value=Money(24_000_00),
    plan=(PlanShare(Milestone.M1, 8000), PlanShare(Milestone.M2, 2000)),
)
M1_REACHED_ON = date(2026, 6, 11)

REPAIRS: Mapping[str, Repair] = {
    "SITE-ASH": Repair(
        estimate=Money(420_00),
        as_found="String 1 makes nothing; its connector at the combiner has burnt through.",
        as_departed="Connector pair replaced; both strings make the same again.",
        summary="Replaced a failed connector pair on string 1 and checked the others.",
        root_cause="The connector was at fault as it came from the factory.",
        lines=(
            ("labor", "Fault finding and repair, 2.5 h", Money(312_50)),
            ("materials", "Connector pair", Money(40_00)),
            ("travel", "Round trip", Money(60_00)),
        ),
    ),
    "SITE-BIRCH": Repair(
        estimate=Money(1_340_00),
        as_found="Inverter shows a hardware test failure and makes nothing.",
        as_departed="Power board exchanged; the inverter runs and makes energy.",
        summary="Exchanged the inverter's power board under the maker's warranty.",
        root_cause="The power board failed.",
        lines=(
            ("labor", "Exchange of the power board, two people, 4 h", Money(960_00)),
            ("materials", "Seals and cable lugs", Money(87_40)),
            ("travel", "Round trip", Money(240_00)),
        ),
        parts=("PB-OLD-4711", "PB-NEW-0815"),
    ),
}
