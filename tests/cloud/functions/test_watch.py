"""Metrics over a whole stack: the heartbeat, what the hour's look finds, what business counts."""

import json
from datetime import timedelta
from pathlib import Path

from rights import not_allowed, watched

from cloud.adapters.metrics import NAMES
from cloud.kernel.change import Change, Letter, Save, Timer
from cloud.local.conductor import Conductor
from cloud.local.queues import Outgoing
from cloud.portfolio.devices import ClaimCertificate
from infra.rules.watching import SILENCE_IS_A_FAULT

TEMPLATE = Path(__file__).parents[3] / "template.yaml"


def told(world, function, call):
    """Give the numbers of the lines that a function writes within a call."""
    before = len(world.runtime.log.path.read_text().splitlines())
    call()
    lines = world.runtime.log.path.read_text().splitlines()[before:]
    found = [json.loads(line) for line in lines]
    return [
        {name: number for name, number in line.items() if name in NAMES}
        for line in found
        if line["function"] == function and "_aws" in line
    ]


def look(world):
    (line,) = told(world, "WatchFunction", lambda: world.invoke("WatchFunction", {}))
    return line


def test_the_timers_tell_each_minute_that_nothing_is_late(shared):
    def wake():
        shared.invoke("TimersFunction", {})

    assert told(shared, "TimersFunction", wake) == [{"TimerLagSeconds": 0}]
    late = Timer("T-1", "WO-1", "nobody_known", shared.now - timedelta(minutes=7))
    shared.records.commit(Change(timers=(late,)))
    assert told(shared, "TimersFunction", wake) == [{"TimerLagSeconds": 420}]
    assert told(shared, "TimersFunction", wake) == [{"TimerLagSeconds": 0}]


def test_the_outbox_tells_how_old_it_is_what_the_minute_finds(shared):
    def send():
        shared.invoke("SendOutboxFunction", {})

    assert told(shared, "SendOutboxFunction", send) == []
    letter = Letter(
        "L-1", "a@partner.example", "s", "t", "RUN-1", shared.now - timedelta(minutes=20)
    )
    shared.records.commit(Change(letters=(letter,)))
    (line,) = told(shared, "SendOutboxFunction", send)
    assert line["OutboxLagSeconds"] == 1200


def test_all_is_well_is_told_too(shared):
    asked = watched(shared.runtime)
    line = look(shared)
    assert line["DeadLetters"] == 0
    assert line["FundingUnsentAfterNoon"] == 0
    assert line["CertificateDaysLeft"] > 8000
    assert not_allowed(asked, TEMPLATE.read_bytes()) == []
    assert {action for who, action, _ in asked.done if who == "WatchFunction"} == {"dynamodb:Query"}


def test_what_failed_for_good_is_counted_in_all_queues(shared):
    before = look(shared)["DeadLetters"]
    for name in ("RunsDeadLetters", "FailedCalls", "FailedCalls"):
        shared.runtime.queues.send_batch(name, [Outgoing("{}")])
    assert look(shared)["DeadLetters"] == before + 3


def test_a_claim_certificate_that_ends_is_seen(shared):
    for days in (20, -3):
        ends_at = shared.now + timedelta(days=days, minutes=1)
        claim = ClaimCertificate(f"c{days}", shared.now - timedelta(days=300), "ana", ends_at)
        shared.records.commit(Change(saves=(Save(claim),)))
        assert look(shared)["CertificateDaysLeft"] == days


def test_each_hour_of_an_alarm_has_one_look(shared):
    """What must not be silent is told within each; the clock passes the schedule as AWS would."""
    shared.runtime.timetable.is_to_the_hour = True
    conductor = Conductor(shared.runtime)
    until = shared.now + timedelta(hours=3)
    lines = told(shared, "WatchFunction", lambda: conductor.advance_to(until))
    assert len(lines) == 3
    assert all(line.keys() >= SILENCE_IS_A_FAULT - {"TimerLagSeconds"} for line in lines)


def test_a_case_its_offer_and_its_acceptance_are_counted_once(shared):
    home = shared.new_home()
    finding = shared.finding(home)

    def deliver():
        assert shared.deliver("DispatchFunction", finding) == {"batchItemFailures": []}

    (line,) = told(shared, "DispatchFunction", deliver)
    assert line == {"CasesOpened": 1, "OffersMade": 1}
    assert told(shared, "DispatchFunction", deliver) == []
    order = shared.orders(home)[0]

    def accept():
        answer = shared.call(
            "POST",
            f"/v1/work_orders/{order.id}/accept",
            {"estimate_cents": 100},
            token=shared.token(home.clients[0]),
            key="k-1",
        )
        assert answer.status == 200, answer.body

    assert told(shared, "PartnerApiFunction", accept) == [{"OffersAccepted": 1}]
    assert told(shared, "PartnerApiFunction", accept) == []
