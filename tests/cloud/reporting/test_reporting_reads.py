"""What a report costs to load: calls that do not grow with the house around its period."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from reporting_world import House, asked, at, empty_house, story

from cloud.kernel.change import Change, Event, Save
from cloud.reporting.process import report

PERIOD = ("sla_compliance", "customer_clock", "routing_audit", "pause_audit", "spend_control")


class Counted:
    """Records that count how they are asked."""

    def __init__(self, records):
        self._records = records
        self.calls = Counter()

    def __getattr__(self, name):
        asked_for = getattr(self._records, name)

        def counted(*arguments, **facts):
            self.calls[name] += 1
            if name == "load_all":
                self.calls["loaded"] += len(arguments[1])
            return asked_for(*arguments, **facts)

        return counted


def crowded(count, *, since):
    """Give the house after its first day, with so many more work orders like its first one."""
    house = House(empty_house())
    steps = story(house)
    for _ in range(4):
        next(steps)
    order, case = house.order("site-1"), house.case("site-1")
    for number in range(count):
        issued_at = since + timedelta(minutes=number % 1000)
        case_id, order_id = f"CASE-{number}", f"WO-{number}"
        saves = (
            Save(replace(case, id=case_id, opened_at=issued_at)),
            Save(replace(order, id=order_id, case_id=case_id, issued_at=issued_at)),
        )
        events = (
            Event(case_id, "case_opened", issued_at, "detection"),
            Event(order_id, "issued", issued_at, "detection", causes=(case_id,)),
        )
        house.records.commit(Change(saves=saves, events=events))
    return house.records


def calls(records, name, as_of="09T12:00"):
    counted = Counted(records)
    made = report(counted, name, asked(as_of))
    return counted.calls, made


@pytest.mark.parametrize("name", PERIOD)
def test_a_period_is_loaded_in_few_calls_however_many_work_orders_it_has(name):
    count = 2_000
    records = crowded(count, since=at("08T12:00"))
    made, _ = calls(records, name)
    assert made["loaded"] >= 2 * count
    asked_for = {one: made[one] for one in ("told", "load_all", "history", "find")}
    assert sum(asked_for.values()) <= 60, asked_for


def test_what_lies_outside_of_the_period_is_not_loaded():
    few, _ = calls(crowded(0, since=at("08T12:00")), "sla_compliance")
    many, _ = calls(crowded(2_000, since=at("08T12:00") - timedelta(days=60)), "sla_compliance")
    assert many == few


def test_what_has_ended_is_not_loaded_to_tell_what_is_open():
    records = crowded(500, since=at("08T12:00") - timedelta(days=60))
    for number in range(500):
        ended = at("08T12:00") - timedelta(days=30)
        for subject, what in ((f"WO-{number}", "completed"), (f"CASE-{number}", "case_resolved")):
            records.commit(Change(events=(Event(subject, what, ended, "jo"),)))
    made, told = calls(records, "ageing")
    assert made["loaded"] < 50
    assert {row.cells[8] for row in told.rows} == {"site-1", "site-2", "site-4"}
