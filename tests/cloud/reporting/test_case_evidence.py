"""What a case rests on: since when, how sure, and what of it is kept."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from cloud.detection.models import IssueClock, SiteTrack, Tier, Told
from cloud.reporting.case_evidence import (
    evidence_of,
    is_shown_by_days,
    onset_of,
    tier_of,
)
from cloud.service import process as service
from cloud.service.models import Case, CaseSource, ReportedFamily
from tests.cloud.portal.homes_world import FAULT_TOLD, LOW_TOLD, ONSET, Street, days
from tests.cloud.portal.pages_world import NOW
from tests.cloud.service.case_world import DESKS
from tests.cloud.service.test_service_process import FINDING


def track(*told: Told) -> SiteTrack:
    return SiteTrack("site-1", told=told)


@pytest.mark.parametrize(
    ("family", "told", "changes", "found"),
    [
        pytest.param(
            "PRODUCTION", (LOW_TOLD,), {}, (date(2026, 6, 5), None), id="the first low day"
        ),
        pytest.param(
            "INVERTER", (FAULT_TOLD,), {}, (date(2026, 6, 6), ONSET), id="the first bad observation"
        ),
        pytest.param(
            "INVERTER",
            (FAULT_TOLD, replace(LOW_TOLD, family="INVERTER")),
            {},
            (date(2026, 6, 6), ONSET),
            id="a fault and what it costs: the fault's instant",
        ),
        pytest.param(
            "PRODUCTION",
            (FAULT_TOLD,),
            {"evidence": ("2026-06-04: 9 of 20 kWh", "2026-06-03: 8 of 20 kWh")},
            (date(2026, 6, 3), None),
            id="over: the first day of the evidence",
        ),
        pytest.param(
            "INVERTER",
            (),
            {"evidence": ("INV_FAULT: x",), "causes": ("gw-1/2026-06-05T18:00Z/12", "F-1")},
            (date(2026, 6, 5), datetime(2026, 6, 5, 18, tzinfo=UTC)),
            id="over: the first chunk",
        ),
        pytest.param(
            "INVERTER",
            (),
            {"evidence": (), "causes": ()},
            (date(2026, 6, 8), None),
            id="nothing named: the day it was opened",
        ),
        pytest.param(
            "other",
            (),
            {"source": CaseSource.PHONE, "evidence": ("2026-06-01 phone: it hums",)},
            (date(2026, 6, 8), None),
            id="a person told it",
        ),
    ],
)
def test_since_when(family, told, changes, found):
    street = Street()
    case = replace(street.case(), family=family, **changes)
    assert onset_of(case, street.site, track(*told)) == found


def test_how_sure_detection_is():
    street = Street()
    case = street.case()
    literal = replace(LOW_TOLD, tier=Tier.LITERAL)
    assert tier_of(case, None) is None
    assert tier_of(case, track(FAULT_TOLD)) is None
    assert tier_of(case, track(literal)) is Tier.LITERAL
    assert tier_of(case, track(literal, LOW_TOLD)) is Tier.DISPATCH


def test_what_stands_behind_a_case():
    street = Street()
    clock = IssueClock("STRING_MISSING", ONSET, devices=("SN-1/1",))
    street.judged(days(), told=[LOW_TOLD], clocks=[clock], inputs=True)
    street.grid_was_out()
    case = street.case()
    log = street.records.history(case.id)
    found = evidence_of(street.records, case, street.site, log=log)
    assert found.says == FINDING.says
    assert [(one.what, one.rule, one.finding_id) for one in found.found] == [
        ("case_opened", "D-13", "F-1")
    ]
    assert found.is_of_then
    assert found.has_inputs
    assert found.dead_inputs == ("SN-1/1",)
    assert [one.cell for one in found.outages] == ["2km+1+1"]
    assert is_shown_by_days(case)


def test_of_a_home_that_nothing_is_known_of_there_is_what_the_case_says():
    street = Street()
    case = street.case()
    found = evidence_of(street.records, case, street.site, log=())
    assert (found.says, found.lines, found.is_of_then) == ("5 June: 40%", (), False)
    assert not found.has_inputs
    assert not found.found
    assert not found.outages
    bare = replace(case, evidence=(), family="roof_leak")
    assert evidence_of(street.records, bare, street.site, log=()).says == "roof leak"


def test_an_old_case_does_not_stand_on_days_of_now():
    street = Street()
    case = street.case(at=NOW - timedelta(days=90))
    street.judged(days())
    log = street.records.history(case.id)
    assert not evidence_of(street.records, case, street.site, log=log).is_of_then


def test_a_report_is_found_in_the_log_as_well():
    street = Street()
    case = service.report(
        street.records, source=CaseSource.PHONE, site_id="site-1", family=ReportedFamily.OTHER,
        says="it hums", reported_by="Ann", contact="", desks=DESKS, at=NOW, by="amy",
    )  # fmt: skip
    assert isinstance(case, Case)
    log = street.records.history(case.id)
    assert evidence_of(street.records, case, street.site, log=log).says == "it hums"
