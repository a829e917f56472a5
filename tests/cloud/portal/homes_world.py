"""A street for the tests of the console's pages: homes with days and hours, and what went wrong."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

from cloud.detection.evidence import DayLine, packed
from cloud.detection.hearing import packed_outage
from cloud.detection.models import (
    IssueClock,
    RegionOutages,
    RegionRoster,
    SiteFacts,
    SiteTrack,
    Tier,
    Told,
)
from cloud.detection.outages import GridOutage
from cloud.detection.packed import packed_day
from cloud.detection.verdict import Reason
from cloud.kernel.change import Change, Save
from cloud.portfolio.models import Site
from cloud.service import process as service
from cloud.service.models import Case, Finding
from cloud.telemetry.models import DayOfEnergy
from cloud.telemetry.ports import StoredChunk
from edge_agent.reading import Reading, Window, seal
from tests.cloud.portal.pages_world import NOW, World
from tests.cloud.service.case_world import DESKS, a_world, put
from tests.cloud.service.test_service_process import FINDING, SITE

FIRST_DAY, LAST_DAY = date(2026, 5, 20), date(2026, 6, 7)
ONSET = datetime(2026, 6, 6, 14, 0, tzinfo=UTC)
DANGER = replace(FINDING, id="F-D", hazard="electrical_hazard", says="it sparks")
HOUR = timedelta(hours=1)


class Street:
    """Both doors over one street: ``site-1`` in the middle, neighbours around it.

    The owner's people: sam (spc), amy (ams), otto (auditor), pat (projects), tess (treasury).
    """

    def __init__(self, neighbours: int = 3, **site: Any) -> None:
        self.world = World(a_world(**site))
        self.records = self.world.records
        for name, *groups in (
            ("sam", "spc"),
            ("amy", "ams"),
            ("otto", "auditor"),
            ("pat", "projects"),
            ("tess", "treasury"),
            ("ron", "relationship_manager"),
        ):
            self.world.owner_person(name, *groups)
        self.site = replace(SITE, **site)
        near = [self._neighbour(number) for number in range(neighbours)]
        roster = RegionRoster(self.site.region, ("site-1", *(one.id for one in near)))
        self.records.commit(Change(saves=(*(Save(one) for one in near), Save(roster))))
        self._numbers = count(1)

    def _neighbour(self, number: int) -> Site:
        return replace(
            self.site,
            id=f"site-n{number}",
            gateway_id=f"gw-n{number}",
            customer_name=f"Neighbour {number}",
            customer_email=f"n{number}@home.example",
            address=f"{number + 10} Other Rd, Raleigh NC",
            latitude=self.site.latitude + 0.01 * (number + 1),
            longitude=self.site.longitude - 0.01 * number,
        )

    # ---- what detection knows -------------------------------------------------------------
    def judged(
        self,
        lines: Sequence[DayLine],
        *,
        site_id: str = "site-1",
        told: Sequence[Told] = (),
        clocks: Sequence[IssueClock] = (),
        inputs: bool = False,
    ) -> None:
        """Have a home's days judged."""
        put(
            self.records,
            SiteTrack(site_id, lines=tuple(packed(lines)), told=tuple(told), clocks=tuple(clocks)),
        )
        if inputs:
            days = [a_day(line) for line in lines if line.actual_wh is not None]
            put(self.records, SiteFacts(site_id, rows=tuple(map(packed_day, days))))

    def grid_was_out(self) -> None:
        """Have the grid out for the street, an hour before the fault was seen."""
        hour = int(ONSET.timestamp()) // 3600 - 1
        outage = GridOutage("2km+1+1", (hour,), ("site-1", "site-n0"), ("site-1",))
        put(self.records, RegionOutages(self.site.region, (packed_outage(outage),)))

    def sends(self, *, hours: int = 73, silent: Sequence[int] = (), faulty_from: int = 24) -> None:
        """Have the gateway send an hour each, from a day before the fault until now."""
        for number in range(hours):
            if number in silent:
                continue
            start = ONSET - timedelta(days=1) + number * HOUR
            t0, by_day = int(start.timestamp()), 12 <= start.hour < 23
            fault = number >= faulty_from
            columns = {
                "W": 0 if fault or not by_day else 3000,
                "St": 7 if fault else 4 if by_day else 2,
            }
            columns |= {"WH": 1_000_000 + 1000 * number, "Evt1": 1 if fault else 0}
            rows = [
                Reading("SN-1", t0 + step, 5 if fault else 0, "1.103", columns)
                for step in range(0, 3600, 900)
            ]
            number_of = next(self._numbers)
            payload = seal(
                Window("gw-1", "5f", number_of, t0, 900, 4, 1, {"ver": "0.2.0", "up": 7200}), rows
            )
            self.world.chunks.put([StoredChunk("gw-1", start, number_of, payload, start + HOUR)])

    # ---- what service knows ---------------------------------------------------------------
    def case(self, finding: Finding = FINDING, *, at: datetime = NOW - timedelta(hours=3)) -> Case:
        """Have a case opened for a finding."""
        return service.take_up(self.records, finding=finding, at=at, desks=DESKS)

    def case_now(self, case: Case) -> Case:
        """Give a case as it stands."""
        found = self.records.load(Case, case.id)
        assert found is not None
        return found.record


def days(*, low_from: date = date(2026, 6, 5), **differs: Any) -> list[DayLine]:
    """Give a home's days: well, low from a day on; one without readings and one with snow."""
    found = []
    for number in range((LAST_DAY - FIRST_DAY).days + 1):
        day = FIRST_DAY + timedelta(days=number)
        reason = Reason.LOW if day >= low_from else Reason.GOOD
        if day == date(2026, 5, 25):
            reason = Reason.UNKNOWN
        if day == date(2026, 5, 27):
            reason = Reason.SNOW
        found.append(a_line(day, reason, **differs))
    return found


def a_line(day: date, reason: Reason = Reason.GOOD, **differs: Any) -> DayLine:
    made = {Reason.LOW: 9_000, Reason.UNKNOWN: None, Reason.SNOW: 8_000}.get(reason, 19_400)
    line = DayLine(
        day=day,
        actual_wh=made,
        expected_wh=20_000,
        weather_permille=970,
        spread_permille=40,
        neighbours=6,
        within_km=25.0,
        floor_percent=85,
        guarded_permille=850,
        reason=reason,
    )
    return replace(line, **differs)


def a_day(line: DayLine) -> DayOfEnergy:
    made = line.actual_wh or 0
    share = 0.03 if line.is_low else 0.5
    return DayOfEnergy(
        day=line.day,
        pv_wh=made,
        completeness=1.0,
        throttled_share=0.0,
        inputs_wh={"SN-1/1": int(made * share), "SN-1/2": int(made * (1 - share))},
    )


LOW_TOLD = Told("PRODUCTION", "PRODUCTION", "2026-06-05", Tier.DISPATCH)
FAULT_TOLD = Told("INV_FAULT", "INVERTER", ONSET.isoformat(), Tier.DISPATCH)
