"""Names by which the same thing is done once, and what a letter carries beside its words."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from funding_world import partner

from cloud.funding import direct_pay, dunning, exports, overdue, published, schedule
from cloud.funding.clocks import NtpToM1
from cloud.funding.funding_calendar import calendar_file, funding_calendar
from cloud.funding.models import Deduction
from cloud.funding.netting import DeductionKind
from cloud.funding.prenotes import prenote_pending
from cloud.kernel.change import Letter
from cloud.kernel.errors import BadInput
from cloud.kernel.ids import derived
from cloud.kernel.money import Money
from cloud.portfolio.models import Prenote

AT = datetime(2026, 12, 1, 15, 0, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
PARTNER = partner()


# --- names -------------------------------------------------------------------------------------


def test_names_of_what_is_asked_for_stay_the_same():
    """Another name would ask for the same money twice."""
    assert direct_pay.invoice_id("V-1", " inv  7 ") == derived("VIN", "V-1", "INV 7")
    assert direct_pay.invoice_id("V-1", "7") != direct_pay.invoice_id("V-2", "7")
    assert direct_pay.equipment_id("VIN-1") == derived("DED", "VIN-1", "equipment")
    assert direct_pay.material_id("VIN-1") == derived("DED", "VIN-1", "material")
    assert direct_pay.late_id("VIN-1") == derived("DED", "VIN-1", "cancellation")


@pytest.mark.parametrize(
    ("email", "orders_email", "wrong"),
    [
        pytest.param("a@v.example", "", "", id="an office"),
        pytest.param("a@v.example", "b@v.example", "", id="and who prepares orders"),
        pytest.param("a.v.example", "", "'a.v.example'", id="no address"),
        pytest.param("a.v.example", "b@v.example", "'a.v.example'", id="the office's is none"),
        pytest.param("a@v.example", "b.v.example", "'b.v.example'", id="the orders' is none"),
    ],
)
def test_a_vendor_has_addresses_that_reach_it(email, orders_email, wrong):
    if not wrong:
        made = direct_pay.Vendor("V-1", "V", email, orders_email)
        assert made.tells == (orders_email or email)
        return
    with pytest.raises(BadInput, match=f"vendor V-1: {wrong} is no mail address"):
        direct_pay.Vendor("V-1", "V", email, orders_email)


@pytest.mark.rule("D11")
@pytest.mark.parametrize(
    ("prenote", "sent_on", "is_pending"),
    [
        pytest.param(Prenote.DUE, date(2026, 1, 5), True, id="asked about the account before"),
        pytest.param(Prenote.SENT, None, True, id="nobody knows when"),
        pytest.param(Prenote.SENT, date(2026, 1, 5), False, id="long ago"),
        pytest.param(Prenote.NOT_NEEDED, None, False, id="paid to before the rule"),
    ],
)
def test_an_account_waits_until_the_bank_was_asked(prenote, sent_on, is_pending):
    asked = partner(prenote=prenote, prenote_sent_on=sent_on)
    assert prenote_pending(asked, on=AT.date()) is is_pending


# --- letters -----------------------------------------------------------------------------------


def debt(name: str, cents: int, since: date) -> Deduction:
    return Deduction(
        name, DeductionKind.BACK_BILL, "P-A", "", Money(cents), since, AT, says=f"says {name}"
    )


DEBTS = [debt("b", 500, date(2026, 9, 2)), debt("a", 100, date(2026, 9, 1))]


def dunned(number: int = 1, at: datetime = AT, name: str = "P-A") -> Letter:
    return dunning.dunning_letter(partner(name), DEBTS, number=number, at=at)


ORDER = exports.ExportOrder(
    "EXP-1", "P-A", "P-A", "payouts", (("tab", "paid"), ("since", "2026-01-01")), 70, "ana", AT,
    ready_at=AT,
)  # fmt: skip
DAY = published.PublishedDay(
    "PUB-1", "comfort", date(2026, 12, 3), date(2026, 12, 4), AT - timedelta(1), "ana"
)
FILE = overdue.OverdueFile("PRJ-1", "P-A", AT)


def moved() -> Letter:
    window = schedule.window_paid_on(date(2026, 12, 3))
    assert window is not None
    return published.letter_of(DAY, window, partner=PARTNER, at=LATER)


def withdrawn() -> Letter:
    window = schedule.window_paid_on(date(2026, 12, 3))
    assert window is not None
    return published.letter_of_withdrawal(DAY, window, partner=PARTNER, at=LATER)


def late() -> Letter:
    clock = NtpToM1(161, date(2026, 11, 30), may_cancel=True)
    return overdue.overdue_letter(FILE, clock, to="operations@owner.example", at=LATER)


@pytest.mark.parametrize(
    ("letter", "name", "to", "thread", "at", "subject", "told"),
    [
        pytest.param(
            dunned, derived("LTR", "P-A", "dunning", 1, AT.isoformat()), "money@partner.example",
            "P-A", AT, "[P-A] Open balance of $6.00",
            ["Partner P-A", "$1.00 since 2026-09-01: says a", "reference a)\n- $5.00", "$6.00"],
            id="dunning",
        ),
        pytest.param(
            lambda: exports.letter_of(ORDER, "ana@partner.example", at=LATER),
            derived("MAIL", "EXP-1", "ready"), "ana@partner.example", "EXP-1", LATER,
            "Your export of payouts is ready (EXP-1)",
            ["(tab paid, since 2026-01-01)", "70 rows", "GET /v1/exports/EXP-1/file"], id="export",
        ),
        pytest.param(
            moved, derived("LTR", "PUB-1", "P-A"), "money@partner.example", "PUB-1", LATER,
            "Funding of 2026-12-03 is paid on 2026-12-04",
            [
                "Partner P-A", "Thursday, December 3, 2026", "Friday, December 4, 2026",
                "recorded before 2:31 AM Eastern time on Wednesday, December 2, 2026",
                "Kind regards",
            ], id="published",
        ),
        pytest.param(
            withdrawn, derived("LTR", "PUB-1", "withdrawn", "P-A"), "money@partner.example",
            "PUB-1", LATER, "Funding of 2026-12-03 is paid on 2026-12-03 after all",
            ["Partner P-A", "Thursday, December 3, 2026", "Friday, December 4, 2026"],
            id="withdrawn",
        ),
        pytest.param(
            late, derived("LTR", "PRJ-1", "overdue", AT.isoformat()), "operations@owner.example",
            "PRJ-1", LATER, "[PRJ-1] No installation 161 days after NTP",
            ["Project PRJ-1 of P-A", "until 2026-11-30"], id="overdue",
        ),
    ],
)  # fmt: skip
def test_what_a_letter_carries(*, letter, name, to, thread, at, subject, told):
    found = letter()
    assert (found.id, found.to, found.thread, found.at) == (name, to, thread, at)
    assert found.subject == subject
    assert [one for one in told if one not in found.text] == []


def test_each_letter_about_a_debt_is_another():
    letters = [dunned(), dunned(2), dunned(at=LATER), dunned(name="P-B")]
    assert len({one.id for one in letters}) == 4


def test_an_export_of_everything_says_so():
    plain = exports.ExportOrder("EXP-1", "P-A", "P-A", "payouts", (), 70, "ana", AT, ready_at=AT)
    assert "of payouts (everything) has" in exports.letter_of(plain, "a@b.example", at=AT).text


@pytest.mark.rule("D12")
def test_a_debt_is_as_old_as_its_oldest_part():
    found = dunning.debt_of("P-A", DEBTS, has_open_payable=False, as_of=AT)
    assert (found.oldest_on, found.age_days, found.open) == (date(2026, 9, 1), 91, Money(600))
    assert [one.id for one in found.deductions] == ["a", "b"]


# --- the calendar ------------------------------------------------------------------------------


def test_a_run_in_the_calendar_is_told_whole():
    (shown,) = funding_calendar(date(2026, 10, 13), date(2026, 10, 14))
    assert (shown.run_id, shown.programme) == ("comfort-2026-10-13", "comfort")
    assert shown.opens_at.isoformat() == "2026-10-07T02:31:00-04:00"
    assert shown.cut_off_at.isoformat() == "2026-10-12T02:31:00-04:00"
    assert (shown.is_same_day, shown.source) == (True, "regular")
    (next_one,) = funding_calendar(date(2026, 10, 14), date(2026, 10, 15), programme="standard")
    assert (next_one.is_same_day, next_one.run_id) == (False, "standard-2026-10-15")
    assert funding_calendar(date(2026, 10, 14), date(2026, 10, 14)) == ()


def test_days_of_a_calendar_end_with_its_last():
    found = funding_calendar(date(2026, 10, 13), date(2026, 10, 14))
    assert [one.regular_date for one in found] == [date(2026, 10, 13)]
    assert len(funding_calendar(date(2026, 10, 13), date(2026, 10, 15))) == 2
    assert len(funding_calendar(date(2026, 10, 12), date(2028, 12, 19))) > 200


def test_two_things_about_a_run_are_told_one_after_the_other():
    """Announced for the cut-off's own day, which is no holiday: the file leaves on that day."""
    day = date(2026, 12, 3)
    announced = [schedule.Alternative(day, date(2026, 12, 2), AT - timedelta(2))]
    (shown,) = funding_calendar(day, day, announced)
    assert shown.note == (
        "paid on Wednesday, December 2, as published; the file settles on the day it leaves"
    )


@pytest.fixture(params=["UTC", "Asia/Tokyo"])
def machine_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Let the machine stand elsewhere: nothing that is kept or sent may depend on where it is."""
    with monkeypatch.context() as changed:
        changed.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


@pytest.mark.usefixtures("machine_zone")
def test_a_subscribed_file_is_what_calendars_read():
    days = funding_calendar(date(2026, 12, 3), date(2026, 12, 3))
    content = calendar_file(days, name="Days; all, of them", made_at=AT).decode()
    assert content.replace("\r\n ", "").split("\r\n") == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Sunreeve//Funding calendar//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        "NAME:Days\\; all\\, of them",
        "X-WR-CALNAME:Days\\; all\\, of them",
        "BEGIN:VEVENT",
        "UID:comfort-2026-12-03-paid@sunreeve",
        "DTSTAMP:20261201T150000Z",
        "DTSTART;VALUE=DATE:20261203",
        "DTEND;VALUE=DATE:20261204",
        "SUMMARY:Funding day (comfort-2026-12-03)",
        "DESCRIPTION:paid on its regular day. At what hour it arrives depends on your bank.",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
        "BEGIN:VEVENT",
        "UID:comfort-2026-12-03-cut-off@sunreeve",
        "DTSTAMP:20261201T150000Z",
        "DTSTART:20261202T073100Z",
        "SUMMARY:Cut-off (comfort-2026-12-03)",
        "DESCRIPTION:What is recorded before is paid on 2026-12-03.",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]


def lines_of(name: str) -> list[str]:
    return calendar_file([], name=name, made_at=AT).decode().split("\r\n")


def test_signs_that_have_a_meaning_are_escaped():
    assert "NAME:a\\\\b\\nc" in lines_of("a\\b\nc")


@pytest.mark.parametrize(
    ("length", "pieces"),
    [(75, [75]), (76, [75, 2]), (149, [75, 75]), (150, [75, 75, 2])],
    ids=["just fits", "one more", "two full", "and one more"],
)
def test_a_long_line_goes_on_below(length, pieces):
    lines = lines_of("x" * (length - len("NAME:")))
    start = lines.index(next(one for one in lines if one.startswith("NAME:")))
    end = lines.index(next(one for one in lines if one.startswith("X-WR-CALNAME:")))
    assert [len(one) for one in lines[start:end]] == pieces
