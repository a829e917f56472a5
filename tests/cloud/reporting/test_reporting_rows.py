"""What the reports say of the invented house, row by row."""

from dataclasses import replace
from datetime import UTC, date, timedelta

import pytest
from reporting_world import JUNE, House, asked, at, empty_house, finding, site, told

from cloud.kernel.change import Change, Save
from cloud.kernel.errors import BadInput, NotFound
from cloud.portfolio.models import Licence, Partner
from cloud.reporting.asking import question
from cloud.reporting.models import Asked
from cloud.reporting.process import refresh_performance, report
from cloud.service import process
from cloud.service.models import Case


@pytest.fixture(scope="module")
def house():
    return told()


def lines(house, name, as_of="30T12:00", *columns, **facts):
    """Give a report's rows as dictionaries, of all columns or of some."""
    made = report(house.records, name, asked(as_of, **facts))
    names = [column.name for column in made.columns]
    rows = [dict(zip(names, row.cells, strict=True)) for row in made.rows]
    return [tuple(row[one] for one in columns) for row in rows] if columns else rows


SLA = ("milestone", "partner", "met", "late", "overdue", "running", "kept", "judged")


@pytest.mark.parametrize(
    ("as_of", "accept"),
    [
        pytest.param("08T08:59", [], id="before anything"),
        pytest.param("08T09:01", [("accept", "orig", 0, 0, 0, 0, None, 0)], id="not delivered"),
        pytest.param("08T09:06", [("accept", "orig", 0, 0, 0, 1, None, 0)], id="delivered"),
        pytest.param("09T09:01", [("accept", "orig", 1, 0, 0, 1, 100.0, 1)], id="one accepted"),
        pytest.param(
            "11T17:00",
            [("accept", "orig", 2, 0, 0, 1, 100.0, 2), ("accept", "other", 1, 0, 0, 0, 100.0, 1)],
            id="the silent one's last instant",
        ),
        pytest.param(
            "11T17:01",
            [("accept", "orig", 2, 0, 1, 0, 66.7, 3), ("accept", "other", 1, 0, 0, 0, 100.0, 1)],
            id="a minute later, although no timer was woken",
        ),
    ],
)
def test_acceptance_is_judged_by_the_deadline(house, as_of, accept):
    found = [
        row
        for row in lines(house, "sla_compliance", as_of, *SLA)
        if row[0] == "accept" and row[1] != "all"
    ]
    assert found == accept


def test_compliance_of_the_whole_month(house):
    assert lines(house, "sla_compliance", "30T12:00", *SLA) == [
        ("accept", "all", 4, 0, 2, 0, 66.7, 6),
        ("accept", "orig", 3, 0, 1, 0, 75.0, 4),
        ("accept", "other", 1, 0, 1, 0, 50.0, 2),
        ("schedule", "all", 2, 1, 0, 0, 66.7, 3),
        ("schedule", "orig", 2, 0, 0, 0, 100.0, 2),
        ("schedule", "other", 0, 1, 0, 0, 0.0, 1),
        ("complete", "all", 2, 0, 0, 1, 100.0, 2),
        ("complete", "orig", 1, 0, 0, 1, 100.0, 1),
        ("complete", "other", 1, 0, 0, 0, 100.0, 1),
    ]
    why = lines(house, "sla_compliance", "30T12:00", "excluded", "excluded_why")
    assert why[0] == (2, "undelivered 2")  # called off, or issued again, before the mail arrived
    (row,) = [
        row
        for row in lines(house, "sla_compliance", partner_id="orig", milestone="complete")
        if row["partner"] == "orig"
    ]
    # 9 June 09:00 to 16 June 12:00 is 8 + 3*9 + 9 (Monday) + 4 hours; Friday was weather.
    assert (row["hours_p50"], row["paused_p50"], row["region"]) == (48.0, 9.0, "NC")
    assert lines(house, "sla_compliance", region="TX") == []
    assert lines(house, "sla_compliance", emergency=True) == []


def test_ageing_tells_whom_it_waits_for(house):
    columns = ("what", "state", "bucket", "waits_for", "partner", "site")
    assert lines(house, "ageing", "12T13:00", *columns) == [
        ("case", "work_ordered", "2-5 d", "weather", "orig", "site-1"),
        ("work_order", "scheduling", "2-5 d", "weather", "orig", "site-1"),
        ("case", "with_omnidian", "2-5 d", "omnidian", "", "site-4"),
        ("case", "work_ordered", "2-5 d", "partner", "other", "site-2"),
        ("work_order", "accepted", "2-5 d", "partner", "other", "site-2"),
        ("case", "work_ordered", "2-5 d", "us", "orig", "site-3"),
        ("work_order", "offered", "2-5 d", "us", "orig", "site-3"),
    ]
    late = lines(house, "ageing", "25T09:30", "what", "state", "waits_for", "site")
    assert late == [
        ("case", "verifying", "telemetry", "site-1"),
        ("case", "with_omnidian", "omnidian", "site-4"),
        ("case", "verifying", "telemetry", "site-2"),
        ("case", "work_ordered", "us", "site-3"),
        ("work_order", "offered", "us", "site-3"),
    ]


def test_due_soon_looks_as_far_as_it_is_told(house):
    columns = ("due_at", "state", "what", "owner")
    accept = (at("17T17:00").astimezone(UTC), "running", "accept", "other")
    schedule = (at("15T17:00").astimezone(UTC), "running", "schedule", "other")
    # The tenth business day after 9 June and a day of weather; after 11 June. The 19th is closed.
    first = (at("25T17:00").astimezone(UTC), "running", "complete", "orig")
    second = (at("26T17:00").astimezone(UTC), "running", "complete", "other")
    assert lines(house, "due_soon", "15T12:00", *columns, horizon_hours=5) == [schedule]
    assert lines(house, "due_soon", "15T12:00", *columns, horizon_hours=4) == []
    found = lines(house, "due_soon", "15T12:00", *columns, horizon_hours=400)
    assert found == [schedule, accept, first, second]
    assert lines(house, "due_soon", "30T12:00", "state", "what") == [("overdue", "accept")]
    invoice = lines(house, "due_soon", "20T12:00", "what", "owner", horizon_hours=600)
    assert ("invoice_decision", "spc_1") in invoice


def test_the_money_of_a_corrected_invoice_is_told_as_it_was(house):
    columns = ("stage", "total", "returned", "returned_why", "headroom")
    assert lines(house, "invoice_pipeline", "19T12:00", *columns) == [
        ("submitted", 80_000, 0, "", 10_000)
    ]
    assert lines(house, "invoice_pipeline", "22T12:00", *columns) == [
        ("returned", 80_000, 1, "which days?", 10_000)
    ]
    assert lines(house, "invoice_pipeline", "23T12:00", *columns) == [
        ("submitted", 85_000, 1, "which days?", 5_000)
    ]
    assert lines(house, "invoice_pipeline", "24T12:00") == []


def test_exposure_is_that_of_the_day(house):
    columns = ("partner", "bills", "candidate", "confirmed", "posted")
    assert lines(house, "back_bill_exposure", "19T09:30") == []
    assert lines(house, "back_bill_exposure", "19T12:00", *columns) == [
        ("all", 1, 0, 96_000, 0),
        ("orig", 1, 0, 96_000, 0),
    ]
    assert lines(house, "back_bill_exposure", "23T12:00", "confirmed") == [(102_000,)] * 2
    assert lines(house, "back_bill_exposure", "23T12:00", partner_id="other") == []


@pytest.mark.rule("OR-06")
def test_spending_is_held_against_its_approvals(house):
    columns = ("partner", "orders", "total", "needed", "missing", "late", "split", "just_below")
    assert lines(house, "spend_control", "19T12:00", *columns) == [
        ("all", 1, 80_000, 1, 0, 0, 0, 0),
        ("other", 1, 80_000, 1, 0, 0, 0, 0),
    ]


def test_each_pause_is_told_with_what_it_moved(house):
    columns = ("reason", "until", "declared_after", "hours", "moved", "flags")
    assert lines(house, "pause_audit", "12T11:59") == []
    assert lines(house, "pause_audit", "12T17:00", *columns) == [
        ("weather", None, 4.0, 9.0, 9.0, "open, undecided")
    ]
    until = at("15T08:00").astimezone(UTC)
    assert lines(house, "pause_audit", "30T12:00", *columns) == [
        ("weather", until, 4.0, 9.0, 9.0, "undecided")
    ]


def test_routing_tells_who_was_asked_and_what_came_of_it(house):
    columns = ("partner", "routed_by", "rank", "offers", "declines", "silences", "delay")
    by_site = {
        order.site_id: order.id
        for order in (house.order(name) for name in ("site-1", "site-2", "site-3"))
    }
    found = {row["work_order"]: row for row in lines(house, "routing_audit")}
    told_of = {
        name: tuple(found[number][one] for one in columns) for name, number in by_site.items()
    }
    assert told_of == {
        "site-1": ("orig", "original_installer_first", 1, 1, 0, 0, 0.0),
        "site-2": ("other", "best_score", 1, 2, 1, 0, 23.0),
        "site-3": ("other", "best_score", 1, 2, 0, 1, 142.0),
    }
    before = {row["work_order"]: row for row in lines(house, "routing_audit", "15T08:00")}
    told_of = tuple(before[by_site["site-3"]][one] for one in columns)
    assert told_of == ("orig", "original_installer_first", 1, 1, 0, 0, 0.0)


@pytest.mark.rule("OR-05")
def test_the_customer_s_clock_is_never_set_back(house):
    columns = ("owner", "cases", "resolved", "open", "over_bar", "within_bar", "reassignments")
    assert lines(house, "customer_clock", "22T08:00", *columns) == [
        ("all", 4, 0, 4, 0, None, 2),
        ("ams", 3, 0, 3, 0, None, 2),
        ("omnidian", 1, 0, 1, 0, None, 0),
    ]
    late = lines(house, "customer_clock", "30T12:00", "over_bar", "within_bar")
    assert late == [(4, 0.0), (3, 0.0), (1, 0.0)]


def test_the_support_center_s_cases_are_listed(house):
    columns = ("case", "state", "returned_at", "age", "bucket")
    (row,) = lines(house, "omnidian", "10T22:00", *columns)
    assert row == (house.case("site-4").id, "with_omnidian", None, 2.5, "2-5 d")


def test_reported_work_is_not_verified_by_being_reported(house):
    columns = ("partner", "outcome", "since", "serials")
    assert lines(house, "verification", "16T11:59") == []
    assert lines(house, "verification", "17T12:00", *columns) == [
        ("orig", "not verified", None, "not_asked")
    ]


def test_what_the_customer_confirmed_is_verified_until_it_comes_back(house):
    columns = ("partner", "outcome", "since", "hours")
    at_first = lines(house, "verification", "25T12:00", *columns)
    confirmed_at = at("25T10:00").astimezone(UTC)
    assert ("orig", "verified", confirmed_at, 216.0) in at_first
    again_at = at("26T09:00").astimezone(UTC)
    later = lines(house, "verification", "30T12:00", *columns)
    assert ("orig", "came back", again_at, 239.0) in later
    fixed = lines(house, "partner_scorecard", "25T12:00", "first_time_fix", "first_time_fix_n")
    assert fixed[0] == (None, 0)  # it may still come back as the same case
    fixed = lines(house, "partner_scorecard", "30T12:00", "first_time_fix", "first_time_fix_n")
    assert fixed[0] == (0.0, 1)


def test_precision_counts_what_a_person_found(house):
    columns = ("rule", "true", "pending", "precision", "low", "judged")
    assert lines(house, "detection_precision", "19T08:00", *columns)[0] == (
        "all",
        0,
        4,
        None,
        None,
        0,
    )
    assert lines(house, "detection_precision", "20T08:00", *columns) == [
        ("all", 1, 3, 100.0, 20.7, 1),
        ("D-12", 0, 1, None, None, 0),
        ("D-13", 1, 2, 100.0, 20.7, 1),
    ]


@pytest.mark.rule("OR-01")
@pytest.mark.rule("OR-02")
def test_the_scorecard_is_fair_to_who_was_seldom_tried(house):
    columns = ("partner", "orders", "accept", "accept_n", "accept_shrunk", "performance")
    assert lines(house, "partner_scorecard", "30T12:00", *columns) == [
        ("orig", 6, 75.0, 4, 78.6, 79),
        ("other", 2, 50.0, 2, 75.0, 77),
        ("third", 0, None, 0, 80.0, 80),
    ]
    (row,) = lines(house, "partner_scorecard", partner_id="other")
    assert (row["invoice_right"], row["invoice_right_n"]) == (0.0, 1)


@pytest.mark.rule("E-34")
def test_the_scorecard_shows_how_soon_emergencies_are_answered():
    """Half an hour, two hours, and one that nobody answered; the night counts like the day."""
    house = House(empty_house())
    waits = (("site-1", "08T22:00", "08T22:30"), ("site-2", "09T02:00", "09T04:00"))
    for place, (home, told_at, answered_at) in enumerate(waits):
        house.find(f"F-{place}", home, told_at, family="ARC", hazard="electrical_hazard")
        house.deliver(home, told_at)
        house.do(process.acknowledge, home, answered_at)
    house.find("F-9", "site-3", "10T08:00", family="ARC", hazard="electrical_hazard")
    house.deliver("site-3", "10T08:00")
    columns = ("emergency_p50", "emergency_p90", "emergency_n")
    assert lines(house, "partner_scorecard", "20T12:00", *columns, partner_id="orig") == [
        (30.0, 120.0, 2)
    ]
    assert lines(house, "partner_scorecard", "09T01:00", *columns, partner_id="orig") == [
        (30.0, 30.0, 1)
    ]


@pytest.mark.rule("OR-03")
def test_routing_learns_the_performance_once_a_month():
    house = told()
    first = at("30T12:00") + timedelta(days=1)
    assert refresh_performance(house.records, at=first) == {"orig": 79, "other": 77, "third": 80}
    assert house.records.load(Partner, "other").record.performance == 77
    before = house.records.load(Partner, "other").version
    later = refresh_performance(house.records, at=first + timedelta(days=20))
    assert later == {"orig": 79, "other": 77, "third": 80}
    assert house.records.load(Partner, "other").version == before


@pytest.mark.parametrize(
    ("what_if", "changes"),
    [
        pytest.param({}, [], id="as agreed"),
        pytest.param(
            {"complete": "4"}, [("complete", "newly late")], id="four days, of which one was paused"
        ),
        pytest.param(
            {"pauses": "ignored", "complete": "4"},
            [("complete", "newly late")] * 2,
            id="four days, and no pause",
        ),
        pytest.param({"complete": "5"}, [], id="five days"),
        pytest.param({"accept": "20"}, [("accept", "no longer late")] * 2, id="a month to accept"),
        pytest.param(
            {"starts": "issued", "complete": "6"},
            [("complete", "newly late")],
            id="from the issue",
        ),
    ],
)
def test_replay_tells_whose_verdict_changes(house, what_if, changes):
    assert lines(house, "replay", "30T12:00", "milestone", "change", what_if=what_if) == changes


@pytest.mark.parametrize(
    ("what_if", "word"),
    [
        ({"nonsense": "1"}, "nonsense"),
        ({"accept": "0"}, "accept=0"),
        ({"accept": "two"}, "accept=two"),
        ({"calendar": "mine"}, "calendar=mine"),
        ({"opens": "25:00"}, "other hours"),
        ({"opens": "18:00"}, "opening"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(house, what_if, word):
    with pytest.raises(BadInput, match=word):
        report(house.records, "replay", asked(what_if=what_if))


def test_what_ends_soon_is_listed_by_its_last_day():
    records = empty_house()
    stored = records.load(Partner, "third")
    licences = (
        Licence("NC", "L-1", date(2026, 6, 29)),
        Licence("SC", "L-2", date(2026, 7, 2)),
        Licence("VA", "L-3", date(2026, 8, 1)),
    )
    facts = {"licences": licences, "insured_until": date(2026, 6, 30)}
    records.commit(Change(saves=(Save(replace(stored.record, **facts), stored.version),)))
    house = House(records)
    columns = ("expires_on", "days_left", "state", "what", "of")
    assert lines(house, "compliance_expiry", "30T12:00", *columns, horizon_hours=48) == [
        ("2026-06-29", -1, "expired", "licence", "NC"),
        ("2026-06-30", 0, "expires", "insurance", ""),
        ("2026-07-02", 2, "expires", "licence", "SC"),
    ]
    assert lines(house, "compliance_expiry", partner_id="orig") == []


def changed(record, **facts):
    from dataclasses import replace

    return replace(record, **facts)


def test_what_is_tried_out_is_in_no_report():
    records = empty_house()
    records.commit(Change(saves=(Save(site("site-t", mode="test")),)))
    told_of = finding("F-T", "site-t")
    process.take_up(records, finding=told_of, at=at("08T09:00"), spc_id="spc_1")
    assert records.find(Case, by="site_id", value="site-t")
    house = House(records)
    assert lines(house, "ageing") == []
    assert lines(house, "customer_clock") == []


def test_an_unknown_report_names_the_known_ones():
    with pytest.raises(NotFound, match="ageing"):
        report(empty_house(), "aging", asked())


@pytest.mark.parametrize(
    ("words", "word"),
    [
        ({"as_of": "yesterday"}, "as_of"),
        ({"as_of": "2026-06-30T12:00"}, "no zone"),
        ({"from": "June"}, "from"),
        ({"from": "2026-06-30", "until": "2026-06-30"}, "end after"),
        ({"from": "2000-06-30"}, "ten years"),
        ({"emergency": "perhaps"}, "emergency"),
        ({"horizon_hours": "-1"}, "horizon_hours"),
        ({"horizon_hours": "0"}, "ahead"),
        ({"what_if": "accept"}, "what_if"),
    ],
)
def test_a_question_that_cannot_be_read_is_refused(words, word):
    with pytest.raises(BadInput, match=word):
        question(words, now=at("30T12:00"))


def test_a_question_without_words_is_about_the_last_90_days():
    found = question(
        {"partner": "", "emergency": "no", "what_if": "accept=3, opens=00:00"}, now=at("30T12:00")
    )
    assert found == Asked(
        as_of=at("30T12:00"),
        since=date(2026, 4, 2),
        until=date(2026, 7, 1),
        emergency=False,
        what_if={"accept": "3", "opens": "00:00"},
    )
    assert JUNE[1] == found.until
