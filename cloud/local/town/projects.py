"""The town's projects: when each was sold, installed and activated, and what went wrong with some.

Nothing is written by hand: each day somebody goes through what was reached, and records it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import partial

from cloud.kernel.money import Money
from cloud.local.town.draws import Draws
from cloud.local.town.making import ENDS_AT, PROJECTS, STARTS_AT, Town, days_before_end, office
from cloud.local.town.partners import Firm, builders_at
from cloud.local.town.places import Household, household
from cloud.portfolio import process as portfolio
from cloud.portfolio.models import Milestone, Project, Site, SoldInverter
from cloud.portfolio.process import ProjectFacts

NTP, M1, M2 = Milestone.NTP, Milestone.M1, Milestone.M2
SUBMITTED, APPROVED = Milestone.INSTALL_SUBMITTED, Milestone.INSTALL_APPROVED
DATA_FROM = date(2026, 6, 4)
"""From this day the fleet's gateways are connected; until then nobody listens to most homes."""
STORY_FROM = date(2026, 5, 11)
"""From this day the homes of Golden are listened to whose stories detection tells."""
NOT_YET = date(2027, 1, 1)
LAST_OF_STORY = 44
"""The homes of Golden up to this number, twelve of them, have data from `STORY_FROM` on."""
_ROUNDS = (time(8, 40), time(10, 10), time(11, 50), time(14, 20), time(15, 30), time(16, 45))
"""When milestones of a day are recorded."""
MAKERS = (
    ("Enphase", "IQ8PLUS-72-2-US"),
    ("Tesla", "1538000-45-A"),
    ("SolarEdge", "SE7600H-US"),
    ("SolarEdge", "SE10000H-US"),
    ("Sunreeve", "SE-5000"),
    ("Enphase", "IQ8M-72-2-US"),
)
PRICED = ("SE7600H-US", "SE10000H-US")
SALESPEOPLE = ("Dana Whitlock", "Marco Benitez", "Shira Adler", "Tom Vasquez", "Keiko Lam")


class Life(StrEnum):
    """How far a project came by the town's last day."""

    ACTIVE = "active"
    WAITS_FOR_ACTIVATION = "waits_for_activation"
    IN_CONSTRUCTION = "in_construction"
    SOLD = "sold"


@dataclass(frozen=True, slots=True)
class Course:
    """What becomes of a project and when.

    Attributes:
        reached: milestone and the instant at which it is recorded, in order.
    """

    home: Household
    firm: Firm
    life: Life
    registered_at: datetime
    reached: tuple[tuple[Milestone, datetime], ...]
    facts: ProjectFacts
    site: Site

    def day_of(self, milestone: Milestone) -> date | None:
        """Give the day of a milestone, None where it was not reached."""
        return next((at.date() for one, at in self.reached if one is milestone), None)


def courses(homes: int) -> tuple[Course, ...]:
    """Give the courses of so many projects."""
    return tuple(_course(number) for number in range(1, homes + 1))


def _course(number: int) -> Course:
    home, draws = household(number), Draws("project", number)
    firm = draws.pick(builders_at(home.place))
    life = _life(number)
    days = dict(_days(life, draws, number))
    first = min(days.values(), default=days_before_end(draws.between(3, 12)))
    sold = max(STARTS_AT.date(), first - timedelta(draws.between(1, 9)))
    reached = tuple(_in_order((one, _moment(day, draws)) for one, day in days.items()))
    maker, model = draws.pick(MAKERS)
    site = _site(home, firm, life, maker=maker, model=model)
    facts = ProjectFacts(
        id=home.project_id,
        site_id=home.site_id,
        partner_id=firm.id,
        value=Money(draws.between(168, 590) * 100_00 + draws.between(0, 99) * 100),
        salesperson=draws.pick(SALESPEOPLE),
        inverters=(SoldInverter(maker, model, 1),),
    )
    first_at = min((at for _, at in reached), default=ENDS_AT)
    registered = min(_moment(sold, draws), first_at - timedelta(minutes=10))
    return Course(home, firm, life, max(registered, STARTS_AT), reached, facts, site)


def _life(number: int) -> Life:
    """Share the lives out evenly: the same mix in every place, with any number of homes."""
    turn = (number * 7 + number // 8) % 20
    if turn < 10:
        return Life.ACTIVE
    if turn < 15:
        return Life.WAITS_FOR_ACTIVATION
    return Life.IN_CONSTRUCTION if turn < 19 else Life.SOLD


def _days(life: Life, draws: Draws, number: int) -> Iterator[tuple[Milestone, date]]:
    """Give the days of a project's milestones, counted back from the last day of the town."""
    if life is Life.SOLD:
        return
    age = (ENDS_AT.date() - STARTS_AT.date()).days - 1
    if life is Life.IN_CONSTRUCTION:
        # One in six has waited so long that its 160 days are nearly over.
        yield (
            NTP,
            days_before_end(age - draws.below(9) if number % 6 == 0 else draws.between(3, 96)),
        )
        return
    if life is Life.WAITS_FOR_ACTIVATION:
        waits = (draws.between(100, 126), draws.between(3, 30), draws.between(31, 90))[number % 3]
        takes = min(draws.between(9, 40), age - waits - 5)
        yield from _installed(waits, takes, draws)
        return
    since = draws.between(3, 88)
    waits = since + min(draws.between(14, 48), age - since - 12)
    yield from _installed(waits, min(draws.between(12, 38), age - waits - 5), draws)
    yield M2, days_before_end(since)


def _installed(
    m1_days_ago: int, construction_days: int, draws: Draws
) -> Iterator[tuple[Milestone, date]]:
    yield NTP, days_before_end(m1_days_ago + max(construction_days, 2))
    review = draws.between(0, min(6, max(construction_days - 1, 0)))
    yield SUBMITTED, days_before_end(m1_days_ago + review)
    yield APPROVED, days_before_end(m1_days_ago)


def _in_order(
    wanted: Iterable[tuple[Milestone, datetime]],
) -> Iterator[tuple[Milestone, datetime]]:
    """Give each step after the one before it, were both to fall on one business day."""
    before = STARTS_AT
    for milestone, at in wanted:
        before = max(at, before + timedelta(minutes=35))
        yield milestone, before


def _moment(day: date, draws: Draws) -> datetime:
    return office(day, draws.pick(_ROUNDS))


def _site(home: Household, firm: Firm, life: Life, *, maker: str, model: str) -> Site:
    place = home.place
    is_told = is_in_story(home)
    first_day = STORY_FROM if is_told else DATA_FROM if life is Life.ACTIVE else NOT_YET
    draws = Draws("site", home.number)
    return Site(
        id=home.site_id,
        gateway_id=home.gateway_id,
        customer_name=home.name,
        customer_email=home.email,
        address=home.address,
        state=place.state,
        latitude=home.latitude,
        longitude=home.longitude,
        utc_offset_hours=place.utc_offset_hours,
        time_zone=place.zone,
        commissioned_on=first_day,
        dc_rating_w=draws.between(18, 44) * 200,
        manufacturer=maker,
        inverter_model=model,
        installer_id=firm.id,
        workmanship_until=date(2036, 6, 30),
        omnidian_onboarded=home.number % 40 == 27,
    )


def is_in_story(home: Household) -> bool:
    """Tell whether a home is one of those whose weeks detection follows."""
    return home.place.code == "GOL" and home.number <= LAST_OF_STORY


def plan(town: Town, listed: Sequence[Course]) -> None:
    """Put the whole lives of the projects on the agenda."""
    for course in listed:
        town.at(course.registered_at, partial(_register, course=course))
        for milestone, at in course.reached:
            town.at(at, partial(_reach, course=course, milestone=milestone))


def _register(town: Town, *, course: Course) -> None:
    town.do(portfolio.register, record=course.site, by=PROJECTS)
    town.do(portfolio.put_project, facts=course.facts, by=PROJECTS)


def _reach(town: Town, *, course: Course, milestone: Milestone) -> None:
    if not town.record(Project, course.facts.id).cancelled:
        town.do(
            portfolio.record_milestone,
            project_id=course.facts.id,
            milestone=milestone,
            by=PROJECTS,
        )
