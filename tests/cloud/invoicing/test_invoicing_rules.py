from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from cloud.invoicing import approval, backbill, billing, completeness
from cloud.kernel.money import Money
from cloud.service.sla import calendar_at

DAY = date(2026, 6, 1)
EASTERN = ZoneInfo("America/New_York")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=EASTERN)


def line(cents, when="2026-06-10T09:00", category="labor"):
    performed = None if when is None else at(when)
    return completeness.DraftLine(category, "work", cents, performed)


def approved(when="2026-06-09T09:00", up_to=1_000_000, role="spc", written=True):
    return completeness.PriorApproval(role, written, at(when), Money(up_to))


ONE_LINE = (line(20_000),)


def checked(*, lines=ONE_LINE, approvals=(), others=(), draft=None, work=None, used=()):
    facts = {
        "invoice_number": "INV-1",
        "customer_name": "Sample Customer",
        "site_address": "1 Example St",
        "work_order_number": "WO-1",
        "service_dates": (date(2026, 6, 10),),
        "description": "Replaced it.",
        "photo_count": 1,
        "lines": tuple(lines),
        "total_cents": sum(one.amount_cents or 0 for one in lines),
    }
    order = {
        "number": "WO-1",
        "partner_id": "a",
        "original_installer_id": "orig",
        "cause": "product_failure",
        "authorized_at": at("2026-06-03T09:00"),
        "is_report_complete": True,
    }
    return completeness.check(
        completeness.InvoiceDraft(**{**facts, **(draft or {})}),
        caller_partner_id="a",
        work=completeness.WorkDone(**{**order, **(work or {})}),
        spend_limit=Money(50_000),
        approvals=approvals,
        others=[completeness.EarlierInvoice(Money(cents), state) for cents, state in others],
        used_numbers=used,
        on=DAY,
    )


@pytest.mark.rule("A-81")
@pytest.mark.rule("I-65")
@pytest.mark.rule("I-67")
@pytest.mark.parametrize(
    ("facts", "errors"),
    [
        pytest.param({}, [], id="complete"),
        pytest.param({"draft": {"customer_name": "\t"}}, ["missing_customer_name"], id="no name"),
        pytest.param({"draft": {"site_address": ""}}, ["missing_site_address"], id="no address"),
        pytest.param(
            {"draft": {"work_order_number": " "}}, ["missing_work_order_number"], id="no number"
        ),
        pytest.param({"draft": {"service_dates": ()}}, ["missing_service_dates"], id="no days"),
        pytest.param({"draft": {"description": " "}}, ["missing_description"], id="no words"),
        pytest.param({"lines": ()}, ["missing_cost_breakdown"], id="no lines"),
        pytest.param(
            {"lines": (), "draft": {"total_cents": 100}},
            ["missing_cost_breakdown", "total_mismatch"],
            id="a total of nothing",
        ),
        pytest.param({"draft": {"photo_count": 0}}, ["missing_photos"], id="no photos"),
        pytest.param({"work": {"is_report_complete": False}}, ["report_incomplete"], id="report"),
        pytest.param(
            {"draft": {"work_order_number": "WO-2"}}, ["work_order_number_mismatch"], id="other WO"
        ),
        pytest.param({"draft": {"work_order_number": " WO-1 "}}, [], id="the number among blanks"),
        pytest.param({"used": ("INV-1",)}, ["duplicate_invoice_number"], id="used number"),
        pytest.param({"lines": (line(0),)}, ["invalid_amount"], id="a line of nothing"),
        pytest.param({"lines": (line(-1), line(101))}, ["invalid_amount"], id="a line below zero"),
        pytest.param({"lines": (line(100.5),)}, ["invalid_amount"], id="half a cent"),
        pytest.param({"lines": (line(None),)}, ["invalid_amount"], id="a line without an amount"),
        pytest.param({"lines": (line(True),)}, ["invalid_amount"], id="yes is no amount"),
        pytest.param(
            {"lines": (line(100, category="food"),)}, ["unknown_cost_category"], id="unknown cost"
        ),
        pytest.param({"draft": {"total_cents": 19_999}}, ["total_mismatch"], id="a cent short"),
        pytest.param(
            {"lines": (line(100, "2026-06-03T08:59:59"),)},
            ["work_before_authorization"],
            id="a second before the authorisation",
        ),
        pytest.param({"lines": (line(100, "2026-06-03T09:00"),)}, [], id="at that very instant"),
        pytest.param(
            {"work": {"authorized_at": None}}, ["work_before_authorization"], id="never authorised"
        ),
        pytest.param(
            {"work": {"cause": "workmanship", "original_installer_id": "a"}},
            ["covered_by_workmanship_warranty"],
            id="its own workmanship",
        ),
        pytest.param({"work": {"cause": "workmanship"}}, [], id="another's workmanship"),
        pytest.param(
            {"draft": {"customer_name": "", "photo_count": 0, "total_cents": 1}},
            ["missing_customer_name", "missing_photos", "total_mismatch"],
            id="everything at once",
        ),
    ],
)
def test_everything_that_stands_against_an_invoice_is_told(facts, errors):
    assert checked(**facts) == completeness.Completeness(tuple(errors), False)


@pytest.mark.rule("I-65")
@pytest.mark.parametrize("work", [{"partner_id": "b"}, None])
def test_another_partners_work_order_does_not_exist(work):
    if work is None:
        found = completeness.check(
            completeness.InvoiceDraft("", "", "", "", (), "", 0, (), 0),
            caller_partner_id="a",
            work=None,
            spend_limit=Money(50_000),
            approvals=(),
            others=(),
            used_numbers=(),
            on=DAY,
        )
    else:
        found = checked(work=work, draft={"customer_name": ""})
    assert found == completeness.NOT_FOUND


MORNING, NOON, EVENING = "2026-06-10T08:00", "2026-06-10T12:00", "2026-06-10T18:00"


@pytest.mark.rule("I-61")
@pytest.mark.rule("I-62")
@pytest.mark.rule("I-63")
@pytest.mark.rule("I-64")
@pytest.mark.rule("N-90")
@pytest.mark.parametrize(
    ("lines", "others", "approvals", "errors", "required"),
    [
        pytest.param([line(50_000)], [], [], [], False, id="$500.00"),
        pytest.param([line(50_001)], [], [], ["missing"], True, id="$500.01"),
        pytest.param([line(25_000)], [(25_000, "approved")], [], [], False, id="two of $250.00"),
        pytest.param(
            [line(25_001)], [(25_000, "submitted")], [], ["missing"], True, id="a cent more"
        ),
        pytest.param(
            [line(50_000)],
            [(90_000, "rejected"), (90_000, "void")],
            [],
            [],
            False,
            id="not counted",
        ),
        pytest.param([line(60_000)], [], [approved()], [], True, id="approved before"),
        pytest.param(
            [line(60_000)], [], [approved("2026-06-10T09:00")], ["late"], True, id="as it began"
        ),
        pytest.param(
            [line(60_000)], [], [approved("2026-06-10T08:59:59")], [], True, id="a second before"
        ),
        pytest.param(
            [line(60_000)], [], [approved(up_to=60_000)], [], True, id="exactly the amount"
        ),
        pytest.param(
            [line(60_000)], [], [approved(up_to=59_999)], ["insufficient"], True, id="a cent short"
        ),
        pytest.param(
            [line(60_000)],
            [(50_000, "approved")],
            [approved(up_to=60_000)],
            ["insufficient"],
            True,
            id="the approval is for the whole work order",
        ),
        pytest.param(
            [line(60_000)], [], [approved(role="ams")], ["missing"], True, id="not a coordinator"
        ),
        pytest.param(
            [line(60_000)], [], [approved(written=False)], ["missing"], True, id="by word of mouth"
        ),
        pytest.param(
            [line(60_000)],
            [],
            [approved(up_to=1), approved(up_to=60_000)],
            [],
            True,
            id="one of several suffices",
        ),
        pytest.param(
            [line(60_000)],
            [],
            [approved(up_to=55_000), approved("2026-06-11T09:00")],
            ["insufficient"],
            True,
            id="one too small and one too late",
        ),
        pytest.param(
            [line(40_000, MORNING), line(20_000, EVENING)],
            [],
            [approved(NOON)],
            [],
            True,
            id="diagnosed, then approved, then repaired",
        ),
        pytest.param(
            [line(20_000, EVENING), line(40_000, MORNING)],
            [],
            [approved(NOON)],
            [],
            True,
            id="the same, written in another order",
        ),
        pytest.param(
            [line(60_000, MORNING), line(1, EVENING)],
            [],
            [approved(NOON)],
            ["late"],
            True,
            id="the line that crosses came before the approval",
        ),
        pytest.param(
            [line(60_000, MORNING), line(1_000, EVENING)],
            [],
            [approved("2026-06-09T09:00", up_to=60_000)],
            ["insufficient"],
            True,
            id="the later line exceeds what was approved",
        ),
        pytest.param(
            [line(51_000, MORNING), line(9_000, EVENING)],
            [],
            [approved(NOON, up_to=55_000)],
            ["insufficient", "late"],
            True,
            id="late for one line and short for another",
        ),
        pytest.param(
            [line(1)], [(50_000, "approved")], [], ["missing"], True, id="the limit is used up"
        ),
        pytest.param(
            [line(40_000, MORNING), line(20_000, None)], [], [approved()], [], True, id="no time"
        ),
    ],
)
def test_more_than_the_limit_needs_an_approval_before_the_work(
    lines, others, approvals, errors, required
):
    found = checked(lines=lines, others=others, approvals=approvals)
    expected = tuple(sorted(f"prior_approval_{error}" for error in errors))
    assert found == completeness.Completeness(expected, required)


@pytest.mark.rule("I-64")
def test_lines_of_one_instant_count_in_the_order_of_the_invoice_and_those_without_one_last():
    lines = [
        (None, Money(5)),
        (at(NOON), Money(30)),
        (at(NOON), Money(20)),
        (at(MORNING), Money(1)),
    ]
    spending = completeness.spend_of(lines, others=(), on=DAY)
    assert [spent.running_total.cents for spent in spending] == [1, 31, 51, 56]
    assert [spent.performed_at for spent in spending[:3]] == [at(MORNING), at(NOON), at(NOON)]


@pytest.mark.rule("I-66")
@pytest.mark.parametrize(
    ("spc", "expected"),
    [
        pytest.param(("spc_1", True, "spc_2"), "spc_1", id="the issuing one"),
        pytest.param(("spc_1", False, "spc_2"), "spc_2", id="the delegate"),
        pytest.param(("spc_1", False, " "), "spc_queue", id="nobody"),
        pytest.param(None, "spc_queue", id="nobody named"),
    ],
)
def test_who_decides(spc, expected):
    assert approval.route_to(approval.IssuingSpc(*spc) if spc else None) == expected


@pytest.mark.rule("I-66")
@pytest.mark.parametrize(
    ("by", "routed_to", "spc", "may"),
    [
        pytest.param("spc_1", "spc_1", ("spc_1", True, ""), True, id="who it went to"),
        pytest.param("spc_1", "spc_2", ("spc_1", True, "spc_2"), True, id="who issued the work"),
        pytest.param("spc_2", "spc_1", ("spc_1", True, " spc_2 "), True, id="who stands in"),
        pytest.param("spc_3", "spc_1", ("spc_1", True, "spc_2"), False, id="somebody else"),
        pytest.param("spc_3", "spc_1", None, False, id="somebody else, nobody on record"),
        pytest.param("spc_1", "spc_1", None, True, id="who it went to, nobody on record"),
        pytest.param("spc_3", "spc_queue", ("spc_1", False, ""), True, id="from the queue"),
    ],
)
def test_who_may_decide(by, routed_to, spc, may):
    known = approval.IssuingSpc(*spc) if spc else None
    assert approval.may_decide(by, routed_to=routed_to, spc=known) is may


@pytest.mark.rule("I-66")
@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        pytest.param([], "2026-06-29T17:00", id="never returned"),
        pytest.param([("2026-06-15T08:00", "2026-06-15T17:00")], "2026-06-30T17:00", id="a day"),
        pytest.param([("2026-06-15T08:00", None)], None, id="still with the partner"),
        pytest.param([("2026-06-30T08:00", None)], "2026-06-29T17:00", id="after it was due"),
    ],
)
def test_by_when_an_invoice_is_decided(returned, expected):
    due = approval.approval_due(
        submitted_at=at("2026-06-12T10:00"),
        business_days=10,
        calendar=calendar_at("America/New_York", on=DAY),
        returned=[(at(a), at(b) if b else None) for a, b in returned],
    )
    assert due == (at(expected) if expected else None)


@pytest.mark.rule("I-66a")
def test_a_reminder_comes_as_the_offices_open_on_the_day_that_they_have():
    found = approval.reminder_due(
        submitted_at=at("2026-06-12T14:00"),
        business_days=10,
        calendar=calendar_at("Pacific/Honolulu", on=DAY),
    )
    # Due at closing, which is the next day in Greenwich.
    assert found is not None
    assert found.isoformat() == "2026-06-29T08:00:00-10:00"


@pytest.mark.rule("I-69")
@pytest.mark.parametrize(
    ("due", "expected"),
    [
        pytest.param(datetime(2026, 6, 1, 12, tzinfo=UTC), None, id="exactly due"),
        pytest.param(
            datetime(2026, 6, 1, 11, 59, 59, tzinfo=UTC), "relationship_manager", id="over"
        ),
        pytest.param(None, None, id="the clock stands"),
    ],
)
def test_a_late_decision_goes_to_the_relationship_manager(due, expected):
    now = datetime(2026, 6, 1, 12, tzinfo=UTC)
    assert approval.escalates_to(due_at=due, now=now) == expected


@pytest.mark.rule("B-50")
@pytest.mark.rule("B-51")
@pytest.mark.rule("B-52")
@pytest.mark.rule("B-53")
@pytest.mark.parametrize(
    ("cause", "performer", "offer", "expected"),
    [
        pytest.param("product_failure", "a", "declined", ("owner", "no", True), id="product"),
        pytest.param("system_warranty", "orig", "accepted", ("owner", "no", True), id="system"),
        pytest.param("roof_repair", "orig", "accepted", ("customer", "no", True), id="roof"),
        pytest.param(
            "gross_negligence", "a", "declined", ("customer", "no", True), id="negligence"
        ),
        pytest.param(
            "workmanship", "orig", "accepted", ("original_installer", "no", False), id="its own"
        ),
        *(
            pytest.param(
                "workmanship", "a", offer, ("original_installer", "yes", True), id=f"one {offer}"
            )
            for offer in ("declined", "no_response", "could_not_respond_emergency")
        ),
        pytest.param("workmanship", "a", "not_offered", ("owner", "no", True), id="never offered"),
        pytest.param("workmanship", "a", "accepted", ("owner", "no", True), id="accepted it"),
        pytest.param("undetermined", "a", "declined", ("owner", "pending", True), id="exposure"),
        pytest.param("undetermined", "a", "not_offered", ("owner", "no", True), id="no exposure"),
        pytest.param("undetermined", "orig", "accepted", ("owner", "no", True), id="own, unknown"),
    ],
)
def test_who_bears_the_cost(cause, performer, offer, expected):
    found = billing.billable_party(
        cause, performer_id=performer, original_installer_id="orig", original_offer=offer, on=DAY
    )
    assert (found.party, found.back_bill, found.is_performer_reimbursable) == expected


@pytest.mark.rule("B-54")
@pytest.mark.parametrize(
    ("paid", "facts", "expected"),
    [
        pytest.param([("workmanship", 99)], {}, (True, 99, 20, 119, 119), id="19.8 cents up"),
        pytest.param(
            [("workmanship", 50)], {"markup_bps": 100}, (True, 50, 1, 51, 51), id="half a cent up"
        ),
        pytest.param(
            [("workmanship", 49)], {"markup_bps": 100}, (True, 49, 0, 49, 49), id="below half down"
        ),
        pytest.param(
            [("workmanship", 100), ("product_failure", 900)],
            {},
            (True, 100, 20, 120, 120),
            id="workmanship lines only",
        ),
        pytest.param([], {}, (True, 0, 0, 0, 0), id="nothing paid yet"),
        pytest.param(
            [("workmanship", 1000)], {"posted": 600}, (True, 1000, 200, 1200, 600), id="difference"
        ),
        pytest.param(
            [("workmanship", 1000)], {"posted": 1200}, (True, 1000, 200, 1200, 0), id="all posted"
        ),
        pytest.param(
            [("workmanship", 500)], {"posted": 1200}, (True, 500, 100, 600, -600), id="shrunk since"
        ),
        pytest.param(
            [("workmanship", 500)], {"confirmed": False}, (False, 0, 0, 0, 0), id="not confirmed"
        ),
        pytest.param(
            [("workmanship", 500)], {"offer": "accepted"}, (False, 0, 0, 0, 0), id="accepted it"
        ),
        pytest.param(
            [("workmanship", 500)], {"offer": "not_offered"}, (False, 0, 0, 0, 0), id="not asked"
        ),
    ],
)
def test_what_the_installer_owes(paid, facts, expected):
    found = backbill.owed(
        [backbill.PaidLine(cause, Money(cents)) for cause, cents in paid],
        is_workmanship_confirmed=facts.get("confirmed", True),
        original_offer=facts.get("offer", "declined"),
        markup_bps=facts.get("markup_bps", 2000),
        already_posted=Money(facts.get("posted", 0)),
        on=DAY,
    )
    amounts = (found.cost, found.markup, found.total, found.to_post)
    assert (found.is_eligible, *(amount.cents for amount in amounts)) == expected


@pytest.mark.rule("I-62")
@pytest.mark.parametrize(
    ("performed_at", "errors"),
    [
        pytest.param("2026-06-10T15:59:59+00:00", (), id="while the technician was there"),
        pytest.param("2026-06-10T16:00:00+00:00", (), id="at the moment of departure"),
        pytest.param(
            "2026-06-10T16:00:01+00:00", ("work_after_departure",), id="after the departure"
        ),
    ],
)
def test_an_instant_cannot_be_moved_behind_an_approval(performed_at, errors):
    from cloud.invoicing.completeness import (
        DraftLine,
        InvoiceDraft,
        WorkDone,
        check,
    )

    at = datetime.fromisoformat(performed_at)
    draft = InvoiceDraft(
        invoice_number="INV-1",
        customer_name="Sample Customer",
        site_address="1 Example St",
        work_order_number="WO-1",
        service_dates=(at.date(),),
        description="Mended it.",
        photo_count=2,
        lines=(DraftLine("labor", "labor", 10_000, at),),
        total_cents=10_000,
    )
    work = WorkDone(
        number="WO-1",
        partner_id="p_a",
        original_installer_id="p_orig",
        cause="product_failure",
        authorized_at=datetime.fromisoformat("2026-06-01T00:00:00+00:00"),
        is_report_complete=True,
        departed_at=datetime.fromisoformat("2026-06-10T16:00:00+00:00"),
    )
    found = check(
        draft,
        caller_partner_id="p_a",
        work=work,
        spend_limit=Money(50_000),
        approvals=[],
        others=[],
        used_numbers=[],
        on=at.date(),
    )
    assert found.errors == errors
