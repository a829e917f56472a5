"""The rules of funding, by tables of the arguments that people have."""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import cloud.funding
from cloud.funding import (
    approval,
    cancellation,
    clawback,
    clocks,
    enrollment,
    extension,
    gates,
    materials,
    plan,
    returns,
    schedule,
    views,
    warranty,
)
from cloud.funding.netting import DeductionKind
from cloud.funding.policy import F09, F35, RULES
from cloud.kernel.errors import BadInput
from cloud.kernel.money import ZERO, Money
from cloud.portfolio.models import Milestone, PlanShare, Project

ET = ZoneInfo("America/New_York")
DAY = date(2026, 11, 1)


def et(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ET)


# --- the book itself ---------------------------------------------------------------------------


def test_every_rule_is_named_by_the_code_and_by_a_test():
    stage = Path(cloud.funding.__file__).parent
    code = "".join(path.read_text() for path in stage.rglob("*.py") if path.name != "policy.py")
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    ids = [rule.id for rule in RULES]
    agreed = [f"D{n:02d}" for n in range(1, 8)] + [f"F{n:02d}" for n in range(1, 37)]
    assert set(agreed) <= set(ids)
    assert ids == sorted(set(ids))
    assert not [one for one in ids if not re.search(rf"\b{one}\b", code)]
    assert not [one for one in ids if f'rule("{one}")' not in tests]


def test_rules_hold_from_their_first_day():
    with pytest.raises(BadInput, match="F09 has no value on 2024-12-31"):
        F09.on(date(2024, 12, 31))


# --- schedule ----------------------------------------------------------------------------------


@pytest.mark.rule("F01")
@pytest.mark.rule("F02")
@pytest.mark.parametrize(
    ("event", "opens", "ends", "paid"),
    [
        pytest.param(
            "2026-11-30T02:30:59.999999",
            "2026-11-25T02:31:00-05:00",
            "2026-11-30T02:31:00-05:00",
            "2026-12-01",
            id="last instant of the Wednesday window",
        ),
        pytest.param(
            "2026-11-30T02:31:00",
            "2026-11-30T02:31:00-05:00",
            "2026-12-02T02:31:00-05:00",
            "2026-12-03",
            id="on the cut-off belongs to the next",
        ),
        pytest.param(
            "2026-11-01T01:30:00",
            "2026-10-28T02:31:00-04:00",
            "2026-11-02T02:31:00-05:00",
            "2026-11-03",
            id="autumn clock change: 121 hours",
        ),
        pytest.param(
            "2027-03-14T03:00:00",
            "2027-03-10T02:31:00-05:00",
            "2027-03-15T02:31:00-04:00",
            "2027-03-16",
            id="spring clock change: 119 hours",
        ),
        pytest.param(
            "2027-12-31T23:59:59",
            "2027-12-29T02:31:00-05:00",
            "2028-01-03T02:31:00-05:00",
            "2028-01-04",
            id="over the year's end",
        ),
        pytest.param(
            "2028-02-29T12:00:00",
            "2028-02-28T02:31:00-05:00",
            "2028-03-01T02:31:00-05:00",
            "2028-03-02",
            id="leap day",
        ),
    ],
)
def test_window_of(event, opens, ends, paid):
    window = schedule.window_of(et(event))
    assert window.opens_at.isoformat() == opens
    assert window.cut_off_at.isoformat() == ends
    assert window.regular_date.isoformat() == paid
    assert window.run_id() == f"comfort-{paid}"


@pytest.mark.rule("F02")
def test_the_zone_of_the_event_does_not_matter():
    instant = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)  # 01:30, the first of two
    assert schedule.window_of(instant) == schedule.window_of(instant.astimezone(ET))
    assert schedule.window_of(instant) == schedule.window_of(
        instant.astimezone(ZoneInfo("Asia/Tokyo"))
    )


THANKSGIVING, ITS_CUT_OFF = date(2026, 11, 26), et("2026-11-25T02:31:00")


def _announced(day: str, at: str, regular: date = THANKSGIVING) -> schedule.Alternative:
    return schedule.Alternative(regular, date.fromisoformat(day), et(at))


@pytest.mark.rule("F03")
@pytest.mark.parametrize(
    ("published", "day", "source"),
    [
        pytest.param([], "2026-11-27", "next_banking_day", id="nothing published"),
        pytest.param(
            [_announced("2026-11-25", "2026-11-02T15:00")],
            "2026-11-25",
            "published",
            id="earlier day",
        ),
        pytest.param(
            [_announced("2026-11-30", "2026-11-25T02:31")],
            "2026-11-27",
            "next_banking_day",
            id="published on the cut-off is too late",
        ),
        pytest.param(
            [_announced("2026-11-30", "2026-11-25T02:30:59")],
            "2026-11-30",
            "published",
            id="published just before the cut-off",
        ),
        pytest.param(
            [
                _announced("2026-11-30", "2026-11-20T10:00"),
                _announced("2026-11-25", "2026-11-02T15:00"),
            ],
            "2026-11-30",
            "published",
            id="the latest publication wins, wherever it stands",
        ),
        pytest.param(
            [
                _announced("2026-11-25", "2026-11-02T15:00"),
                _announced("2026-11-28", "2026-11-20T10:00"),
            ],
            "2026-11-25",
            "published",
            id="a Saturday is passed over",
        ),
        pytest.param(
            [_announced("2026-11-24", "2026-11-02T15:00")],
            "2026-11-27",
            "next_banking_day",
            id="a day before the cut-off is passed over",
        ),
        pytest.param(
            [_announced("2026-11-25", "2026-11-02T15:00", date(2026, 11, 24))],
            "2026-11-27",
            "next_banking_day",
            id="another run's publication",
        ),
    ],
)
def test_funding_day(published, day, source):
    found = schedule.funding_day(THANKSGIVING, ITS_CUT_OFF, published)
    assert (found[0].isoformat(), str(found[1])) == (day, source)


@pytest.mark.rule("F03")
def test_a_monday_holiday_leaves_tuesday():
    window = schedule.window_of(et("2026-10-11T12:00"))  # Columbus Day is the cut-off's Monday
    assert window.funding_date == date(2026, 10, 13)
    assert window.date_source is schedule.DateSource.REGULAR


@pytest.mark.rule("F03")
@pytest.mark.parametrize(
    ("cents", "too_large"), [(100_000_000, False), (100_000_001, True)], ids=["on", "above"]
)
def test_same_day_limit(cents, too_large):
    assert schedule.exceeds_same_day_limit(Money(cents), DAY) is too_large


@pytest.mark.rule("D07")
@pytest.mark.rule("F01")
def test_schedule_of_a_holiday_week():
    windows = schedule.schedule(date(2027, 11, 8), date(2027, 11, 10))
    assert [window.funding_date for window in windows] == [date(2027, 11, 9), date(2027, 11, 12)]
    assert schedule.schedule(date(2027, 11, 9), date(2027, 11, 9)) == ()


def test_window_ending_wants_a_cut_off():
    with pytest.raises(BadInput, match="no window ends at"):
        schedule.window_ending(et("2026-12-02T02:30:00"))


def test_run_sequence_rises_with_the_runs():
    numbers = [
        schedule.run_sequence(window.regular_date)
        for window in schedule.schedule(date(2025, 1, 6), date(2034, 1, 1))
    ]
    assert numbers == sorted(set(numbers))
    assert len({number % 1_000 for number in numbers}) == len(numbers)


# --- gates -------------------------------------------------------------------------------------

PAPERS = {
    "w9_on_file": True,
    "bank_authorization_on_file": True,
    "bank_account_blocked": False,
}


@pytest.mark.rule("F05")
@pytest.mark.rule("F18")
@pytest.mark.rule("F31")
@pytest.mark.parametrize(
    ("partner", "project", "reasons"),
    [
        pytest.param({}, {}, [], id="all in order"),
        pytest.param({"w9_on_file": False}, {}, ["w9_missing"], id="no W-9"),
        pytest.param(
            {"bank_authorization_on_file": False, "bank_account_blocked": True},
            {"cancelled": True},
            ["bank_account_blocked", "bank_authorization_missing", "project_cancelled"],
            id="sorted",
        ),
        pytest.param(
            {},
            {"compliance_case_open": True, "administrative_stip_open": True},
            ["compliance_hold"],
            id="case and stip are one hold",
        ),
        pytest.param({}, {"administrative_stip_open": True}, ["compliance_hold"], id="stip"),
        pytest.param({}, {"direct_pay_enrolled": True}, ["invoice_needed"], id="no invoice"),
        pytest.param(
            {}, {"direct_pay_enrolled": True, "vendor_invoice_final": True}, [], id="invoice there"
        ),
        pytest.param({}, {"vendor_invoice_final": False}, [], id="left Direct Pay"),
        pytest.param({}, {"transaction_paused": True}, ["paused"], id="paused"),
        pytest.param({}, {"unpriced_inverter": True}, ["unpriced_inverter"], id="no price"),
    ],
)
def test_blocked_reasons(partner, project, reasons):
    found = gates.blocked_reasons(
        gates.PartnerGate(**PAPERS | partner), gates.ProjectGate(**project)
    )
    assert [str(reason) for reason in found] == reasons


# --- plan --------------------------------------------------------------------------------------


@pytest.mark.rule("D06")
@pytest.mark.parametrize(
    ("cents", "shares", "amounts"),
    [
        pytest.param(3_333_333, [8_000, 2_000], [2_666_666, 666_667], id="remainder"),
        pytest.param(1, [5_000, 5_000], [0, 1], id="one cent"),
        pytest.param(0, [10_000], [0], id="nothing"),
        pytest.param(100, [3_333, 3_333, 3_334], [33, 33, 34], id="thirds"),
        pytest.param(101, [0, 10_000, 0], [0, 101, 0], id="a share of nothing"),
    ],
)
def test_split(cents, shares, amounts):
    names = [Milestone.NTP, Milestone.M1, Milestone.M2][: len(shares)]
    found = plan.split(Money(cents), [PlanShare(*one) for one in zip(names, shares, strict=True)])
    assert [found[name].cents for name in names] == amounts


@pytest.mark.parametrize(
    "shares",
    [[], [(Milestone.M1, 9_999)], [(Milestone.M1, 5_000), (Milestone.M1, 5_000)]],
    ids=["empty", "not the whole", "twice"],
)
def test_split_refuses(shares):
    with pytest.raises(BadInput, match="the plan"):
        plan.split(Money(100), [PlanShare(*one) for one in shares])


# --- clocks ------------------------------------------------------------------------------------


@pytest.mark.rule("F06")
@pytest.mark.parametrize(
    ("m1_at", "as_of", "days", "may_cancel"),
    [
        pytest.param(None, "2026-06-14T23:59:59", 160, False, id="day 160"),
        pytest.param(None, "2026-06-15T00:00", 161, True, id="day 161"),
        pytest.param("2026-06-20T09:00", "2026-07-01T00:00", 166, False, id="came late, but came"),
        pytest.param("2026-06-20T09:00", "2026-06-19T00:00", 165, True, id="not come yet"),
        pytest.param("2026-01-05T09:00", "2026-07-01T00:00", 0, False, id="the same day"),
    ],
)
def test_ntp_to_m1(m1_at, as_of, days, may_cancel):
    found = clocks.ntp_to_m1(date(2026, 1, 5), m1_at and et(m1_at), et(as_of))
    assert (found.days_elapsed, found.may_cancel) == (days, may_cancel)
    assert found.due_date == date(2026, 6, 14)


@pytest.mark.rule("F09")
@pytest.mark.parametrize(
    ("basis", "day"),
    [("install_submitted", date(2026, 3, 2)), ("install_approved", None)],
    ids=["evening in the East", "not come"],
)
def test_m1_milestone_date(basis, day):
    at = datetime(2026, 3, 3, 4, 30, tzinfo=UTC)
    found = clocks.m1_milestone_date(basis, install_submitted_at=at, install_approved_at=None)
    assert found == day


@pytest.mark.rule("F09")
@pytest.mark.parametrize(
    ("basis", "reached", "day"),
    [
        ("install_submitted", {"NTP": 1}, None),
        ("install_submitted", {"install_submitted": 2, "M1": 2, "install_approved": 9}, 2),
        ("install_approved", {"install_submitted": 2}, None),
        ("install_approved", {"install_submitted": 2, "install_approved": 9, "M1": 9}, 9),
        ("install_approved", {"M1": 5}, 5),
    ],
    ids=["before M1", "by submission", "only submitted", "by approval", "M1 alone on record"],
)
def test_the_day_from_which_m1_counts(basis, reached, day):
    project = Project(
        id="J",
        site_id="S",
        partner_id="P",
        value=Money(1),
        plan=(PlanShare(Milestone.M1, 10_000),),
        m1_basis=Milestone(basis),
        reached=tuple((Milestone(one), et(f"2026-03-0{n}T23:30")) for one, n in reached.items()),
    )
    assert clocks.m1_on(project) == (day and date(2026, 3, day))


def test_m1_milestone_date_wants_a_known_basis():
    with pytest.raises(BadInput, match="not on 'ntp'"):
        clocks.m1_milestone_date("ntp", install_submitted_at=None, install_approved_at=None)


def _granted(days: int, at: str = "2026-06-20T09:00", status: str = "approved"):
    return extension.Extension(days, status, et(at))


@pytest.mark.rule("F07")
@pytest.mark.rule("F08")
@pytest.mark.rule("F13")
@pytest.mark.parametrize(
    ("extensions", "activated", "as_of", "days", "status", "due"),
    [
        pytest.param([], None, "2026-06-25T12:00", 115, "running", "2026-06-25", id="day 115"),
        pytest.param([], None, "2026-06-26T00:00", 116, "running", "2026-06-25", id="in buffer"),
        pytest.param([], None, "2026-06-30T23:59", 120, "running", "2026-06-25", id="day 120"),
        pytest.param([], None, "2026-07-01T00:00", 121, "clawback", "2026-06-25", id="day 121"),
        pytest.param(
            [_granted(30)], None, "2026-06-30T12:00", 120, "running", "2026-07-25",
            id="extended, but the clock still runs",
        ),
        pytest.param(
            [_granted(30)], None, "2026-07-30T23:59", 150, "paused", "2026-07-25",
            id="last day of the extension",
        ),
        pytest.param(
            [_granted(30)], None, "2026-07-31T00:00", 151, "clawback", "2026-07-25",
            id="the day after the extension",
        ),
        pytest.param(
            [_granted(30), _granted(14)], None, "2026-08-13T12:00", 164, "paused", "2026-08-08",
            id="two extensions add up",
        ),
        pytest.param(
            [_granted(30, "2026-07-05T09:00")], None, "2026-07-04T12:00", 124, "clawback",
            "2026-06-25", id="not granted yet",
        ),
        pytest.param(
            [_granted(30, "2026-07-05T09:00")], None, "2026-07-05T09:00", 125, "paused",
            "2026-07-25", id="granted when the clawback was there",
        ),
        pytest.param(
            [_granted(30, status="denied")], None, "2026-07-05T12:00", 125, "clawback",
            "2026-06-25", id="denied",
        ),
        pytest.param(
            [extension.Extension(30, "pending", None)], None, "2026-07-05T12:00", 125, "clawback",
            "2026-06-25", id="pending",
        ),
        pytest.param(
            [], "2026-07-03T12:00", "2026-08-01T00:00", 123, "activated", "2026-06-25",
            id="activated late",
        ),
        pytest.param(
            [], "2026-07-03T12:00", "2026-07-03T11:59", 123, "clawback", "2026-06-25",
            id="not activated yet",
        ),
        pytest.param(
            [], "2026-07-03T12:00", "2026-07-03T12:00", 123, "activated", "2026-06-25",
            id="activated this instant",
        ),
    ],
)  # fmt: skip
def test_m1_to_m2(*, extensions, activated, as_of, days, status, due):
    found = clocks.m1_to_m2(
        m1_on=date(2026, 3, 2),
        m1_paid=Money(2_000_000),
        activated_at=activated and et(activated),
        extensions=extensions,
        as_of=et(as_of),
    )
    assert (found.days_elapsed, str(found.status)) == (days, status)
    assert found.contractual_due_date.isoformat() == due
    assert (found.backend_due_date - found.contractual_due_date).days == 5
    assert found.clawback == (Money(2_000_000) if status == "clawback" else ZERO)


# --- extensions --------------------------------------------------------------------------------

FIELDS = {
    "account_finco_id": "FIN-1",
    "account_primary_name": "R. Doe",
    "eta_of_pto": "2026-08-01",
    "extension_request_deadline": "2026-08-05",
    "install_submission_date": "2026-03-02",
    "reason": "main_panel_upgrade",
}


@pytest.mark.rule("F11")
@pytest.mark.rule("F12")
@pytest.mark.rule("F15")
@pytest.mark.rule("F17")
@pytest.mark.parametrize(
    ("changes", "others", "problems", "days"),
    [
        pytest.param({}, {}, [], 30, id="complete"),
        pytest.param({"eta_of_pto": "  "}, {}, ["missing_eta_of_pto"], None, id="blank"),
        pytest.param(
            {"reason": "", "account_finco_id": ""},
            {"has_proof": False},
            ["missing_account_finco_id", "missing_reason", "missing_proof_document"],
            None,
            id="several",
        ),
        pytest.param({"reason": "weather"}, {}, ["unknown_reason"], None, id="unknown reason"),
        pytest.param({"reason": "other"}, {}, ["missing_reason_text"], None, id="other, no text"),
        pytest.param(
            {"reason": "other"}, {"reason_text": "flood"}, [], None, id="other: approver sets days"
        ),
        pytest.param({"reason": "ca_co_market"}, {"market": " ca "}, [], 30, id="market, any case"),
        pytest.param(
            {"reason": "ca_co_market"},
            {"market": "GA", "has_proof": False},
            ["missing_proof_document", "market_not_eligible"],
            None,
            id="market elsewhere",
        ),
    ],
)
def test_review(changes, others, problems, days):
    given = {
        "has_proof": True,
        "reason_text": "",
        "market": "TX",
        "submitted_at": et("2026-06-18T23:59"),
    }
    found = extension.review(FIELDS | changes, **given | others)
    assert list(found.problems) == problems
    assert found.is_accepted is not bool(problems)
    assert found.days == days
    assert found.decision_due_date == date(2026, 6, 25)


@pytest.mark.rule("F14")
@pytest.mark.parametrize(
    ("reason", "set_by_approver", "days"),
    [
        ("transformer_upgrade", None, 30),
        ("main_panel_upgrade", None, 30),
        ("utility_ahj_delay", 99, 14),
        ("pto_approved_m2_correction", None, 14),
        ("customer_escalation", None, 14),
        ("ca_co_market", None, 30),
        ("other", 21, 21),
        ("other", None, 0),
    ],
)
def test_days_of(reason, set_by_approver, days):
    assert extension.days_of(reason, DAY, set_by_approver=set_by_approver) == days


def test_days_of_an_unknown_reason():
    with pytest.raises(BadInput, match="'rain' is not known"):
        extension.days_of("rain", DAY)


@pytest.mark.rule("F16")
@pytest.mark.parametrize(
    ("now", "requested", "backlog", "cap", "within"),
    [
        pytest.param(4_000_000, 1_000_000, 50_000_000, 5_000_000, True, id="on ten percent"),
        pytest.param(4_000_000, 1_000_001, 50_000_000, 5_000_000, False, id="a cent above"),
        pytest.param(0, 50_000_000, 900_000_000, 50_000_000, True, id="on half a million"),
        pytest.param(1, 50_000_000, 900_000_000, 50_000_000, False, id="above half a million"),
        pytest.param(0, 0, 0, 0, True, id="nothing out of nothing"),
        pytest.param(0, 1, 19, 1, True, id="a tenth of 19 cents is 1"),
        pytest.param(0, 2, 19, 1, False, id="and not 2"),
    ],
)
def test_exposure(now, requested, backlog, cap, within):
    found = extension.exposure(
        extended_now=Money(now),
        requested=Money(requested),
        backlog=Money(backlog),
        decided_on=DAY,
    )
    assert (found.cap.cents, found.is_within_cap) == (cap, within)


# --- Direct Pay --------------------------------------------------------------------------------


def _invoice(at: str, cents: int = 1_850_000) -> materials.VendorInvoice:
    return materials.VendorInvoice(Money(cents), et(at))


BEFORE = _invoice("2026-08-30T10:00")


@pytest.mark.rule("F19")
@pytest.mark.rule("F20")
@pytest.mark.rule("F21")
@pytest.mark.rule("F22")
@pytest.mark.parametrize(
    ("facts", "as_of", "due", "triggers", "cents", "waits"),
    [
        pytest.param({}, "2026-09-15T23:59", "2026-09-15", "", 0, False, id="day 14"),
        pytest.param({}, "2026-09-16T00:00", "2026-09-15", "S", 1_850_000, False, id="day 15"),
        pytest.param(
            {"m1_submitted_at": et("2026-09-15T23:59")}, "2026-10-01T00:00", "2026-09-15", "", 0,
            False, id="submitted on the last day",
        ),
        pytest.param(
            {"m1_submitted_at": et("2026-09-16T00:00")}, "2026-10-01T00:00", "2026-09-15", "S",
            1_850_000, False, id="submitted a day late",
        ),
        pytest.param(
            {"m1_submitted_at": et("2026-09-10T12:00")}, "2026-10-10T23:59", "2026-09-15", "", 0,
            False, id="day 30 of approval",
        ),
        pytest.param(
            {"m1_submitted_at": et("2026-09-10T12:00")}, "2026-10-11T00:00", "2026-09-15", "A",
            1_850_000, False, id="day 31 of approval",
        ),
        pytest.param(
            {
                "m1_submitted_at": et("2026-09-10T12:00"),
                "install_approved_at": et("2026-10-10T12:00"),
            },
            "2026-12-01T00:00", "2026-09-15", "", 0, False, id="approved on the last day",
        ),
        pytest.param(
            {"m1_submitted_at": et("2026-09-20T12:00")}, "2026-10-21T00:00", "2026-09-15", "SA",
            1_850_000, False, id="both missed: the invoice once",
        ),
        pytest.param(
            {"invoices": [BEFORE, _invoice("2026-09-05T10:00", 100)]}, "2026-09-20T00:00",
            "2026-09-19", "S", 1_850_100, False, id="an invoice after shipment starts again",
        ),
        pytest.param(
            {
                "invoices": [BEFORE, _invoice("2026-09-17T10:00", 100)],
                "net_fund_posted_at": et("2026-09-16T09:00"),
                "already_recovered": Money(1_850_000),
            },
            "2026-09-18T00:00", "2026-09-15", "S", 100, False, id="not after the posting",
        ),
        pytest.param(
            {"already_recovered": Money(2_000_000)}, "2026-09-16T00:00", "2026-09-15", "S", 0,
            False, id="recovered before",
        ),
        pytest.param(
            {"invoices": []}, "2026-09-15T00:00", "2026-09-15", "", 0, False, id="no invoice yet"
        ),
        pytest.param(
            {"invoices": []}, "2026-09-16T00:00", "2026-09-15", "S", 0, True, id="no amount: wait"
        ),
        pytest.param(
            {"invoices": [_invoice("2026-09-17T00:00")]}, "2026-09-16T12:00", "2026-09-15", "S", 0,
            True, id="an invoice of tomorrow",
        ),
        pytest.param({"shipped_at": None}, "2026-12-01T00:00", None, "", 0, False, id="unshipped"),
    ],
)  # fmt: skip
def test_material(*, facts, as_of, due, triggers, cents, waits):
    given = {"shipped_at": et("2026-09-01T15:00"), "invoices": [BEFORE]}
    found = materials.judge(materials.Material(**given | facts), et(as_of))
    names = {"S": materials.NOT_SUBMITTED, "A": materials.NOT_APPROVED}
    assert found.submit_due_date == (due and date.fromisoformat(due))
    assert found.triggers == tuple(names[letter] for letter in triggers)
    assert (found.net_fund.cents, found.is_waiting_for_invoice) == (cents, waits)


def test_material_knows_nothing_of_tomorrow():
    facts = materials.Material(
        shipped_at=et("2026-09-01T15:00"), m1_submitted_at=et("2026-09-20T12:00")
    )
    assert materials.judge(facts, et("2026-09-10T00:00")).approve_due_date is None


@pytest.mark.rule("F30")
@pytest.mark.rule("F33")
@pytest.mark.rule("F34")
@pytest.mark.parametrize(
    ("opted_in", "events", "enrolled", "told", "rejected"),
    [
        pytest.param(True, [], True, [], [], id="starts enrolled"),
        pytest.param(False, [], False, [], [], id="organisation is out"),
        pytest.param(True, ["opt_out 1", "shipped 2"], False, ["opted_out"], [], id="in time"),
        pytest.param(True, ["shipped 1", "opt_out 2"], True, [], ["opt_out"], id="too late"),
        pytest.param(
            True, ["opt_out 2", "shipped 2"], True, [], ["opt_out"], id="at the same instant"
        ),
        pytest.param(
            True,
            ["opt_out 1", "opt_out 2", "opt_in 3", "opt_in 4"],
            True,
            ["opted_out", "opted_in"],
            [],
            id="told once per change",
        ),
        pytest.param(
            True, ["opt_in 3", "opt_out 1"], True, ["opted_out", "opted_in"], [], id="in time order"
        ),
    ],
)
def test_enrollment(opted_in, events, enrolled, told, rejected):
    choices = [
        enrollment.Choice(what, et(f"2026-09-0{day}T10:00"))
        for what, day in (event.split() for event in events)
    ]
    found = enrollment.enrollment(choices, organisation_opted_in=opted_in, on=DAY)
    assert found.is_enrolled is enrolled
    assert list(found.vendor_notifications) == told
    assert list(found.rejected) == rejected
    assert found.bill_to == ("owner" if enrolled else "epc")


def test_enrollment_refuses_what_it_does_not_know():
    with pytest.raises(BadInput, match="not 'returned'"):
        enrollment.enrollment(
            [enrollment.Choice("returned", et("2026-09-01T00:00"))],
            organisation_opted_in=True,
            on=DAY,
        )


# --- warranty ----------------------------------------------------------------------------------

PRICES = {"se7600h-us": Money(31_000), "SE10000H-US ": Money(42_500)}


@pytest.mark.rule("F23")
@pytest.mark.rule("F24")
@pytest.mark.parametrize(
    ("inverters", "lines", "unpriced"),
    [
        pytest.param([("Tesla", "1538000-45-A")], [("project", 60_000)], (), id="45 series"),
        pytest.param([(" tesla ", "1538000-0f-z ")], [("project", 60_000)], (), id="any case"),
        pytest.param(
            [("Tesla", "1538000-45-C--GF2240650001JG")], [("project", 60_000)], (), id="device id"
        ),
        pytest.param(
            [("Tesla", "1538000-45-A", 2), ("Tesla", "1538000-35-B")],
            [("project", 60_000)],
            (),
            id="once a project",
        ),
        pytest.param([("Tesla", "1624171-00-J")], [], (), id="another part"),
        pytest.param([("Tesla", "1538000-45-AB")], [], (), id="one letter too many"),
        pytest.param([("Tesla", "1538000-4-A")], [], (), id="one digit too few"),
        pytest.param([("Fronius", "1538000-45-A")], [], (), id="another maker"),
        pytest.param(
            [("SE", "se7600h-us ", 3)], [("SE7600H-US", 93_000)], (), id="per unit, short name"
        ),
        pytest.param([("SolarEdge", "SE1")], [], ("SE1",), id="no price"),
        pytest.param(
            [("SolarEdge", "SE1"), ("SE", "se1"), ("SOLAREDGE", "SE10000H-US")],
            [("SE10000H-US", 42_500)],
            ("SE1",),
            id="no price, named once",
        ),
        pytest.param([("SE", "SE1", 0)], [], (), id="none of them"),
        pytest.param(
            [("SE", "SE7600H-US"), ("Tesla", "1538000-45-A")],
            [("project", 60_000), ("SE7600H-US", 31_000)],
            (),
            id="project line first",
        ),
    ],
)
def test_warranty(inverters, lines, unpriced):
    found = warranty.warranty_offsets(
        [warranty.Inverter(*one) for one in inverters], sold_on=DAY, prices=PRICES
    )
    assert [(line.about, line.amount.cents) for line in found.lines] == lines
    assert found.unpriced_models == unpriced
    assert found.blocks_m1 is bool(unpriced)
    assert found.offset.cents == sum(cents for _, cents in lines)


@pytest.mark.rule("F24")
def test_without_a_price_table_every_model_blocks():
    found = warranty.warranty_offsets([warranty.Inverter("SE", "SE7600H-US")], sold_on=DAY)
    assert found.blocks_m1


def test_a_negative_quantity_cannot_be():
    with pytest.raises(BadInput, match="quantity of -1"):
        warranty.Inverter("SE", "SE1", -1)


# --- cancellation, clawback --------------------------------------------------------------------


@pytest.mark.rule("F10")
@pytest.mark.rule("F25")
@pytest.mark.parametrize(
    ("milestones", "vendors", "recovered", "commission", "offset"),
    [
        pytest.param([500_000, 1_500_000], [800_000], 0, 0, 2_800_000, id="both"),
        pytest.param([500_000], [800_000], 800_000, 0, 500_000, id="material recovered before"),
        pytest.param([500_000], [], 900_000, 0, 0, id="never below zero"),
        pytest.param([], [], 0, 120_000, 0, id="commission"),
    ],
)
def test_cancellation(milestones, vendors, recovered, commission, offset):
    found = cancellation.cancellation_offsets(
        milestone_payments=[Money(one) for one in milestones],
        vendor_payments=[Money(one) for one in vendors],
        already_recovered=Money(recovered),
        prepaid_commission=Money(commission),
        cancelled_on=DAY,
    )
    assert (found.offset.cents, found.commission_offset.cents) == (offset, commission)
    assert found.commission_nettable_against == (("M1", "M2") if commission else ())


@pytest.mark.rule("F26")
@pytest.mark.parametrize(
    ("activated_on", "reinstated", "dropped"), [(DAY, 500, 70), (None, 0, 0)], ids=["yes", "no"]
)
def test_reinstatement(activated_on, reinstated, dropped):
    found = clawback.reinstatement(
        [clawback.Reduction(kind, Money(500), Money(70)) for kind in DeductionKind],
        activated_on=activated_on,
    )
    assert (found.reinstated.cents, found.cancelled_open.cents) == (reinstated, dropped)


@pytest.mark.rule("F26")
def test_every_kind_has_its_type_and_rule():
    types = {kind: clawback.reduction_type(kind) for kind in DeductionKind}
    assert types[DeductionKind.CLAWBACK_M1] == "Clawback"
    assert types[DeductionKind.MATERIAL] == "Clawback to Net Fund"
    assert types[DeductionKind.CANCELLATION] == "Net Fund/Offset"
    assert all(clawback.rule_of(kind) for kind in DeductionKind)


# --- returns, approval, access -----------------------------------------------------------------


@pytest.mark.rule("D04")
@pytest.mark.parametrize(
    ("code", "again", "payable", "suspense", "blocks", "action"),
    [
        pytest.param("R03", False, 700, 0, True, "new_bank_authorization_required", id="R03"),
        pytest.param(" r28", False, 700, 0, True, "new_bank_authorization_required", id="R28"),
        pytest.param("R24", False, 0, 700, False, "manual_review", id="duplicate entry"),
        pytest.param("R06", False, 700, 0, False, "manual_review", id="R06"),
        pytest.param("R31", False, 700, 0, False, "manual_review", id="R31"),
        pytest.param("R01", False, 700, 0, False, "unexpected_for_credit_manual_review", id="R01"),
        pytest.param("C02", False, 0, 0, False, "apply_noc_before_next_entry", id="change"),
        pytest.param("R03", True, 0, 0, False, "duplicate_ignored", id="the same again"),
        pytest.param("C02", True, 0, 0, False, "duplicate_ignored", id="a change again"),
    ],
)
def test_return(*, code, again, payable, suspense, blocks, action):
    found = returns.judge_return(code, Money(700), was_processed=again, on=DAY)
    assert (found.payable.cents, found.suspense.cents) == (payable, suspense)
    assert found.reversed == found.payable + found.suspense
    assert (found.blocks_account, str(found.action)) == (blocks, action)


@pytest.mark.parametrize("code", ["", "R3", "X03", "R033"])
def test_return_code_must_be_one(code):
    with pytest.raises(BadInput, match="not R or C and two digits"):
        returns.judge_return(code, Money(700), on=DAY)


@pytest.mark.rule("D03")
@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({}, ()),
        ({"approver": "ana"}, ("maker_is_checker",)),
        ({"is_accounting": False}, ("not_accounting",)),
        ({"current_hash": "h2"}, ("stale_preview",)),
        (
            {"approver": "ana", "is_accounting": False, "current_hash": "h2"},
            ("maker_is_checker", "not_accounting", "stale_preview"),
        ),
    ],
    ids=["in order", "same person", "not accounting", "changed since", "all of it"],
)
def test_approval(changes, problems):
    given = {
        "preparer": "ana",
        "approver": "bob",
        "is_accounting": True,
        "shown_hash": "h1",
        "current_hash": "h1",
    }
    assert approval.approval_problems(**given | changes, on=DAY) == problems


@pytest.mark.rule("F27")
@pytest.mark.rule("F36")
@pytest.mark.parametrize(
    ("roles", "action", "same", "allowed"),
    [
        (["accounting_admin"], "view_payouts", True, True),
        (["admin", "accounting_admin"], "ask_tier2", True, True),
        (["admin"], "ask_tier2", True, False),
        (["accounting_admin"], "export_accounts", False, False),
        (["accounting_admin"], "change_bank_details", True, False),
        ([], "view_funding_tab", True, False),
    ],
)
def test_access(roles, action, same, allowed):
    assert approval.is_allowed(roles, action, same_organisation=same, on=DAY) is allowed


@pytest.mark.rule("D05")
def test_version():
    versions = [
        approval.PolicyVersion("v2", date(2026, 4, 1), {"n": 2}),
        approval.PolicyVersion("v1", date(2025, 1, 1), {"n": 1}),
    ]
    found = [
        approval.version_on(versions, day)
        for day in (date(2024, 12, 31), date(2026, 3, 31), date(2026, 4, 1))
    ]
    assert [version and version.id for version in found] == [None, "v1", "v2"]


# --- views -------------------------------------------------------------------------------------


@pytest.mark.rule("F28")
def test_risk_rows():
    clocks_ = [
        views.RunningClock("A", "m1_to_m2", date(2026, 3, 2)),
        views.RunningClock("B", "ntp_to_m1", date(2026, 5, 1)),
        views.RunningClock("D", "m1_to_m2", date(2026, 3, 2), extension_days=30),
        views.RunningClock("E", "material_submit", date(2026, 6, 22)),
        views.RunningClock("C", "material_submit", date(2026, 6, 22)),
        views.RunningClock("F", "material_approve", date(2026, 6, 8)),
    ]
    rows = views.risk_rows(clocks_, et("2026-07-01T09:00"))
    assert [(row.project, row.age_days, row.days_left, row.is_red) for row in rows] == [
        ("B", 61, 99, False),
        ("C", 9, 5, True),
        ("E", 9, 5, True),
        ("F", 23, 7, True),
        ("A", 121, -1, True),
        ("D", 121, 29, False),
    ]
    asked = views.risk_rows(clocks_[:2], et("2026-07-01T09:00"), {"ntp_to_m1": 99})
    assert asked[0].is_red


def test_an_unknown_clock():
    with pytest.raises(BadInput, match="'pto' is not known"):
        views.risk_rows([views.RunningClock("A", "pto", DAY)], et("2026-07-01T09:00"))


@pytest.mark.rule("F29")
@pytest.mark.parametrize(
    ("rows", "limit", "mode"),
    [(5_000, None, "download"), (5_001, None, "email"), (3, 2, "email"), (0, 0, "download")],
)
def test_export(rows, limit, mode):
    assert views.export(rows, on=DAY, immediate_max_rows=limit).mode == mode


@pytest.mark.rule("F29")
def test_filters():
    rows = [
        {"project": "A", "market": "CA", "salesperson": "x"},
        {"project": "B", "market": "CO", "salesperson": "x"},
        {"project": "C", "market": "CA", "salesperson": "y"},
    ]

    def projects(**filters):
        return [row["project"] for row in views.filtered(rows, filters)]

    assert projects() == ["A", "B", "C"]
    assert projects(market="CA", salesperson="x") == ["A"]
    assert projects(market=["CA", "CO"], salesperson=None) == ["A", "B", "C"]
    assert projects(aging="red") == []


@pytest.mark.rule("F32")
@pytest.mark.parametrize(
    ("facts", "listed"),
    [((True, True, False), True), ((True, True, True), False), ((True, False, False), False),
     ((False, True, False), False)],
)  # fmt: skip
def test_invoice_needed(facts, listed):
    enrolled, submitted, final = facts
    assert (
        views.needs_invoice(
            direct_pay_enrolled=enrolled, m1_submitted=submitted, vendor_invoice_final=final
        )
        is listed
    )


@pytest.mark.rule("F35")
@pytest.mark.parametrize(
    ("facts", "tab"),
    [("", "all"), ("s", "queued"), ("sa", "approved"), ("sab", "all"), ("sabp", "paused")],
)
def test_tab(facts, tab):
    found = views.payouts_tab(
        paused="p" in facts, batched="b" in facts, approved="a" in facts, selected="s" in facts
    )
    assert found == tab
    assert found in F35.on(DAY)
