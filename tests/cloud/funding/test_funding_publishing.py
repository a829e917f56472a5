"""Announcing another funding day: what may be announced, and that every partner reads it once."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from funding_world import Killed, World, partner

from cloud.funding import process, schedule
from cloud.funding.published import PublishedDay
from cloud.kernel.errors import BadInput, Conflict, NotFound
from cloud.portfolio.models import TEST

ET = ZoneInfo("America/New_York")
THANKSGIVING = date(2026, 11, 26)
EARLY = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)
CUT_OFF = datetime(2026, 11, 25, 2, 31, tzinfo=ET)


def announce(world, alternative, at=EARLY, regular=THANKSGIVING, by="ana"):
    return process.publish_funding_day(
        world.records,
        regular_date=regular,
        alternative_date=date.fromisoformat(alternative),
        at=at,
        by=by,
    )


def woken(world, day, at=EARLY + timedelta(minutes=1)):
    timer = world.records.timers[f"published-{day.id}"]
    return process.wake_publishing(world.records, timer=timer, at=at)


@pytest.mark.rule("F03")
@pytest.mark.parametrize(
    ("regular", "alternative", "at", "code"),
    [
        pytest.param("2026-11-26", "2026-11-27", EARLY, "", id="the day after"),
        pytest.param("2026-11-26", "2026-11-25", EARLY, "", id="the cut-off's own day"),
        pytest.param("2026-11-26", "2026-11-24", EARLY, "before_cut_off", id="before the cut-off"),
        pytest.param("2026-11-26", "2026-11-28", EARLY, "not_a_banking_day", id="a Saturday"),
        pytest.param("2026-11-26", "2026-11-26", EARLY, "not_a_banking_day", id="the holiday"),
        pytest.param("2026-12-02", "2026-12-03", EARLY, "not_a_funding_day", id="a Wednesday"),
        pytest.param(
            "2026-11-26",
            "2026-11-27",
            CUT_OFF - timedelta(microseconds=1),
            "",
            id="the last instant before the cut-off",
        ),
        pytest.param("2026-11-26", "2026-11-27", CUT_OFF, "after_cut_off", id="on the cut-off"),
    ],
)
def test_what_may_be_announced(regular, alternative, at, code):
    world = World()
    answer = announce(world, alternative, at, date.fromisoformat(regular))
    assert getattr(answer, "code", "") == code
    assert len(process.published(world.records)) == (not code)


@pytest.mark.rule("F03")
def test_a_run_follows_the_latest_announcement():
    world = World()
    for alternative in ("2026-11-25", "2026-11-30"):
        announce(world, alternative, EARLY + timedelta(days=len(world.records.timers)))
    published = process.published(world.records)
    window = schedule.window_ending(CUT_OFF, published)
    assert (window.funding_date, window.date_source) == (date(2026, 11, 30), "published")
    assert process.published(world.records, "evening") == ()


@pytest.mark.rule("F03")
def test_announcing_again_what_counts_changes_nothing_and_back_is_anew():
    world = World()
    first = announce(world, "2026-11-25")
    assert announce(world, "2026-11-25", by="bob") == first
    second = announce(world, "2026-11-30", EARLY + timedelta(1))
    third = announce(world, "2026-11-25", EARLY + timedelta(2))
    assert len({first.id, second.id, third.id}) == 3
    assert process.published(world.records)[-1] == third.alternative


def test_two_announcements_at_once():
    world, other = World(), World()
    made = announce(other, "2026-11-25")
    assert made.id == announce(world, "2026-11-30").id
    with pytest.raises(Conflict):
        other.records.commit(_as_new(world.records.load(PublishedDay, made.id).record))


def _as_new(record):
    from cloud.kernel.change import Change, Save

    return Change(saves=(Save(record),))


@pytest.mark.rule("D20")
def test_every_live_partner_that_is_paid_reads_it_once():
    partners = [partner(f"P-{place:03}") for place in range(200)]
    partners += [
        partner("P-TEST", mode=TEST),
        partner("P-GONE", active=False),
        partner("P-MUTE", remittance_email=""),
    ]
    world = World(partners)
    day = announce(world, "2026-11-25")
    assert world.records.letters == {}
    assert woken(world, day) == 200
    assert woken(world, day, EARLY + timedelta(hours=2)) == 200
    assert len(world.records.letters) == 200
    letter = next(iter(world.records.letters.values()))
    assert letter.to == "money@partner.example"
    assert "Thursday, November 26, 2026 is made on Wednesday, November 25, 2026" in letter.text
    assert "2:31 AM Eastern time on Wednesday, November 25, 2026" in letter.text


@pytest.mark.rule("D20")
@pytest.mark.parametrize("writes", [1, 2, 3])
def test_killed_in_between_it_goes_on(writes):
    world = World([partner(f"P-{place:03}") for place in range(200)])
    day = announce(world, "2026-11-25")
    world.fuse(writes)
    with pytest.raises(Killed):
        woken(world, day)
    assert len(world.records.letters) == min(80 * writes, 200)
    woken(world, day)
    assert len(world.records.letters) == 200


@pytest.mark.rule("D20")
def test_what_was_replaced_meanwhile_is_not_written():
    world = World()
    first = announce(world, "2026-11-25")
    second = announce(world, "2026-11-30", EARLY + timedelta(1))
    assert woken(world, first) == 0
    assert woken(world, second) == 1
    (letter,) = world.records.letters.values()
    assert "2026-11-30" in letter.subject


def test_timers_of_others_and_of_nothing():
    world = World()
    day = announce(world, "2026-11-25")
    timer = world.records.timers[f"published-{day.id}"]
    from dataclasses import replace

    with pytest.raises(BadInput, match="no published funding day"):
        process.wake_publishing(world.records, timer=replace(timer, wakes="x"), at=EARLY)
    with pytest.raises(NotFound):
        process.wake_publishing(world.records, timer=replace(timer, subject="x"), at=EARLY)
    world.records.commit(_as_new(replace(day, id="PUB-X", regular_date=date(2026, 12, 2))))
    with pytest.raises(BadInput, match="no run of comfort is paid on 2026-12-02"):
        process.wake_publishing(world.records, timer=replace(timer, subject="PUB-X"), at=EARLY)


# --- not later than a week, and back -----------------------------------------------------------


@pytest.mark.rule("D43")
@pytest.mark.parametrize(
    ("regular", "alternative", "code"),
    [
        pytest.param("2026-11-26", "2026-12-03", "", id="the seventh day"),
        pytest.param("2026-11-26", "2026-12-04", "too_late_a_day", id="the eighth day"),
        pytest.param("2026-12-08", "2036-12-09", "too_late_a_day", id="a slip of the year"),
        pytest.param("2026-12-08", "2027-01-08", "too_late_a_day", id="a slip of the month"),
    ],
)
def test_a_run_is_moved_by_a_week_at_most(regular, alternative, code):
    world = World()
    answer = announce(world, alternative, regular=date.fromisoformat(regular))
    assert getattr(answer, "code", "") == code
    assert getattr(answer, "rule", "D43") == "D43"
    assert len(process.published(world.records)) == len(world.records.timers) == (not code)


def withdraw(world, at=EARLY + timedelta(2), because="a slip", regular=THANKSGIVING):
    return process.withdraw_funding_day(
        world.records, regular_date=regular, because=because, at=at, by="bob"
    )


def woken_of_withdrawal(world, day, at=EARLY + timedelta(3)):
    timer = world.records.timers[f"withdrawn-{day.id}"]
    return process.wake_publishing(world.records, timer=timer, at=at)


@pytest.mark.rule("D43")
def test_withdrawn_a_run_keeps_its_own_day_and_all_its_announcements_are_gone():
    world = World()
    first = announce(world, "2026-11-25")
    woken(world, first)
    second = announce(world, "2026-11-30", EARLY + timedelta(1))
    day = withdraw(world)
    assert (day.id, day.withdrawn_at) == (second.id, EARLY + timedelta(2))
    assert process.published(world.records) == ()
    window = schedule.window_ending(CUT_OFF, process.published(world.records))
    assert (window.funding_date, window.date_source) == (date(2026, 11, 27), "next_banking_day")
    assert withdraw(world, EARLY + timedelta(3)) == day, "again, it changes nothing"
    assert woken_of_withdrawal(world, day) == 1
    assert woken_of_withdrawal(world, day) == 1
    *_, letter = world.records.letters.values()
    assert len(world.records.letters) == 2
    assert "made on Monday, November 30, 2026. That does not hold any more" in letter.text
    assert "it is made on Friday, November 27, 2026" in letter.text
    assert "2026-11-27 after all" in letter.subject


@pytest.mark.rule("D43")
@pytest.mark.parametrize(
    ("at", "because", "regular", "code"),
    [
        pytest.param(CUT_OFF - timedelta(microseconds=1), "x", THANKSGIVING, "", id="just before"),
        pytest.param(CUT_OFF, "x", THANKSGIVING, "after_cut_off", id="on the cut-off"),
        pytest.param(EARLY, " ", THANKSGIVING, "reason_missing", id="no reason"),
        pytest.param(EARLY, "x", date(2026, 12, 3), "not_published", id="nothing announced"),
        pytest.param(EARLY, "x", date(2026, 12, 2), "not_a_funding_day", id="no run"),
    ],
)
def test_what_may_be_withdrawn(at, because, regular, code):
    world = World()
    announce(world, "2026-11-25")
    answer = withdraw(world, at, because, regular)
    assert getattr(answer, "code", "") == code
    assert len(process.published(world.records)) == bool(code)


@pytest.mark.rule("D43")
def test_what_was_withdrawn_is_not_written_and_may_be_announced_again():
    world = World()
    first = announce(world, "2026-11-25")
    timer = world.records.timers[f"published-{first.id}"]
    day = withdraw(world)
    assert timer.id not in world.records.timers
    assert process.wake_publishing(world.records, timer=timer, at=EARLY) == 0
    again = announce(world, "2026-11-25", EARLY + timedelta(4))
    assert again.id != first.id
    assert process.published(world.records) == (again.alternative,)
    assert woken_of_withdrawal(world, day) == 0, "another announcement stands by now"
    assert woken(world, again) == 1


@pytest.mark.rule("D43")
def test_a_withdrawal_that_is_killed_goes_on():
    world = World([partner(f"P-{place:03}") for place in range(200)])
    announce(world, "2026-11-25")
    day = withdraw(world)
    world.fuse(1)
    with pytest.raises(Killed):
        woken_of_withdrawal(world, day)
    woken_of_withdrawal(world, day)
    assert len(world.records.letters) == 200
