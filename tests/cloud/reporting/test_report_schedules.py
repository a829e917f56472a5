"""Scheduled reports: when they are due, who gets them, once each, and while the role is held."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reporting_world import at, empty_house

from cloud.adapters.memory import MemoryDocuments, MemoryRecords
from cloud.adapters.report_html import as_html, written
from cloud.kernel.change import Timer
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, NotFound, Unavailable
from cloud.reporting.asking import question
from cloud.reporting.models import Asked, Column, Report, Row
from cloud.reporting.parameters import PARAMETERS
from cloud.reporting.policy import ATTACHMENT_BYTES, MOST_SCHEDULES
from cloud.reporting.schedule_failures import note_failure, tell_of_failing
from cloud.reporting.schedule_letters import page_of
from cloud.reporting.schedules import (
    WORDS,
    Cadence,
    ReportFormat,
    ReportSchedule,
    ScheduleState,
    When,
    asked_at,
    fitting_addresses,
)
from cloud.reporting.scheduling import (
    REPORT_DUE,
    change_schedule,
    end_schedule,
    make_schedule,
    running_schedules,
    schedules_of,
    send_report,
    wake_schedule,
)

NEW_YORK, DENVER = "America/New_York", "America/Denver"
NOW = datetime(2026, 6, 8, 15, 0, tzinfo=UTC)
DAILY = When(Cadence.DAILY, DENVER, 7)
PAGES = "https://pages.owner.example"


def local(text, zone):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


# ---------------------------------------------------------------------- when it is due
DUES = [
    pytest.param(DAILY, "2026-06-08T06:59", "2026-06-08T07:00", id="today, a minute before"),
    pytest.param(DAILY, "2026-06-08T07:00", "2026-06-09T07:00", id="on the instant: the next day"),
    pytest.param(
        When(Cadence.WEEKLY, DENVER, 7, weekday=1),
        "2026-06-08T07:00",
        "2026-06-15T07:00",
        id="weekly, on its instant",
    ),
    pytest.param(
        When(Cadence.WEEKLY, DENVER, 7, weekday=7),
        "2026-06-08T07:00",
        "2026-06-14T07:00",
        id="weekly, on Sunday",
    ),
    pytest.param(
        When(Cadence.MONTHLY, DENVER, 7, day=1), "2026-06-08T07:00", "2026-07-01T07:00",
        id="monthly, on the first",
    ),
    pytest.param(
        When(Cadence.MONTHLY, DENVER, 7, day=31), "2026-06-08T07:00", "2026-06-30T07:00",
        id="the thirty-first of a month of thirty days",
    ),
    pytest.param(
        When(Cadence.MONTHLY, DENVER, 7, day=31), "2026-06-30T07:00", "2026-07-31T07:00",
        id="and the one after it",
    ),
    pytest.param(
        When(Cadence.MONTHLY, DENVER, 7, day=30), "2028-02-01T00:00", "2028-02-29T07:00",
        id="the thirtieth of a leap February",
    ),
    pytest.param(
        When(Cadence.DAILY, DENVER, 2, 30), "2026-03-07T12:00", "2026-03-08T03:00",
        id="a time that the clock skips is the end of the gap",
    ),
    pytest.param(
        When(Cadence.DAILY, DENVER, 1, 30), "2026-10-31T12:00", "2026-11-01T01:30/later",
        id="a time that it shows twice is the later one",
    ),
    pytest.param(
        When(Cadence.DAILY, "Pacific/Kiritimati", 0), "2026-06-08T07:00", "2026-06-09T04:00",
        id="a day that begins elsewhere",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("when", "after", "due"), DUES)
def test_the_next_due_instant(when, after, due):
    text, _, is_later = due.partition("/")
    expected = local(text, DENVER).replace(fold=1 if is_later else 0)
    found = when.next_after(local(after, DENVER))
    assert found == expected.astimezone(UTC)
    assert when.latest_until(found) == found
    assert when.latest_until(found - timedelta(microseconds=1)) < found


WHENS = st.builds(
    When,
    cadence=st.sampled_from(Cadence),
    time_zone=st.sampled_from([NEW_YORK, DENVER, "UTC", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    weekday=st.integers(1, 7),
    day=st.integers(1, 31),
)
INSTANTS = st.integers(0, 7 * 366 * 24 * 60).map(
    lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


@given(WHENS, INSTANTS)
def test_between_two_due_instants_there_is_none(when, instant):
    before, after = when.latest_until(instant), when.next_after(instant)
    assert before <= instant < after
    assert when.next_after(before) == after
    assert when.latest_until(after - timedelta(microseconds=1)) == before
    longest = {Cadence.DAILY: 1, Cadence.WEEKLY: 7, Cadence.MONTHLY: 31}[when.cadence]
    assert after - before <= timedelta(days=longest, hours=2)


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"hour": 24}, id="no such hour"),
        pytest.param({"hour": -1}, id="an hour before midnight"),
        pytest.param({"minute": 60}, id="no such minute"),
        pytest.param({"weekday": 0}, id="no such weekday"),
        pytest.param({"day": 32}, id="no such day"),
        pytest.param({"time_zone": "Mountain"}, id="no such zone"),
        pytest.param({"time_zone": "../../etc/passwd"}, id="a path"),
        pytest.param({"time_zone": ""}, id="no zone"),
        pytest.param({"time_zone": "localtime"}, id="the zone of the machine"),
        pytest.param({"time_zone": "posixrules"}, id="the rules of the machine"),
        pytest.param({"time_zone": "Factory"}, id="the zone of a machine that nobody set up"),
        pytest.param({"time_zone": "posix/America/Denver"}, id="another copy of the zones"),
        pytest.param({"time_zone": "right/America/Denver"}, id="clocks with leap seconds"),
        pytest.param({"time_zone": "america/denver"}, id="small letters, that some disks forgive"),
    ],
)
def test_a_time_that_is_none_is_refused(facts):
    with pytest.raises(BadInput, match=next(iter(facts))):
        replace(DAILY, **facts)


@given(st.text(max_size=80))
def test_any_zone_is_read_or_refused(name):
    try:
        When(Cadence.DAILY, name, 7)
    except BadInput:
        return
    assert ZoneInfo(name)


# ---------------------------------------------------------------------- what is asked
def test_the_period_is_whole_days_before_the_due_day():
    due = local("2026-06-08T02:00", DENVER).astimezone(UTC)
    asked = asked_at({"days": "7", "partner": "other"}, due)
    assert (asked.since, asked.until) == (date(2026, 6, 1), date(2026, 6, 8))
    assert (asked.as_of, asked.partner_id) == (due, "other")


@pytest.mark.parametrize(
    "words",
    [{"as_of": "2026-06-01T00:00Z"}, {"from": "2026-06-01"}, {"colour": "red"},
     {"days": "0"}, {"days": "-1"}, {"days": "x"}, {"days": "3661"}, {"days": "٣"},
     {"emergency": "perhaps"}, {"horizon_hours": "0"}, {"partner": "x" * 201}],
    ids=str,
)  # fmt: skip
def test_a_word_that_a_schedule_does_not_have_is_refused(words):
    with pytest.raises(BadInput):
        asked_at(words, NOW)


# ---------------------------------------------------------------------- to whom
ADDRESSES = [
    pytest.param(["ada@owner.example"], ("ada@owner.example",), id="one of the house"),
    pytest.param(
        ["Ada@OWNER.example", "ada@owner.example"], ("Ada@owner.example",), id="the same one twice"
    ),
    pytest.param([" ada@owner.example "], ("ada@owner.example",), id="blanks around it"),
    pytest.param(["ada@partner.example"], "foreign_address", id="of another house"),
    pytest.param(["ada@sub.owner.example"], "foreign_address", id="of a domain below it"),
    pytest.param(["ada@notowner.example"], "foreign_address", id="a domain that ends like it"),
    pytest.param(["owner.example"], "foreign_address", id="no mailbox"),
    pytest.param(["@owner.example"], "foreign_address", id="an empty mailbox"),
    pytest.param(["a@b@owner.example"], "foreign_address", id="two signs"),
    pytest.param(["a\r\nBcc: x@owner.example"], "foreign_address", id="a line break"),
    pytest.param(["a,b@owner.example"], "foreign_address", id="two at once"),
    pytest.param(['"a b"@owner.example'], "foreign_address", id="quotes"),
    pytest.param(["zoë@owner.example"], "foreign_address", id="other letters"),
    pytest.param(["ada@owner.example", "x@y.example"], "foreign_address", id="one of them foreign"),
    pytest.param([], "no_address", id="nobody"),
    pytest.param([f"a{n}@owner.example" for n in range(11)], "too_many_addresses", id="eleven"),
]


@pytest.mark.rule("OR-12")
@pytest.mark.parametrize(("to", "expected"), ADDRESSES)
def test_reports_stay_in_the_house(to, expected):
    found = fitting_addresses(to, domain="owner.example", on=NOW.date())
    assert (found.code if isinstance(found, Refused) else found) == expected


@given(st.lists(st.text(max_size=60), max_size=3))
def test_any_address_is_of_the_house_or_refused(to):
    found = fitting_addresses(to, domain="owner.example", on=NOW.date())
    if not isinstance(found, Refused):
        assert all(one.endswith("@owner.example") and one.isascii() for one in found)


# ---------------------------------------------------------------------- whose it is
class House:
    """Records, documents and a user pool in memory."""

    def __init__(self):
        self.records = empty_house()
        self.documents = MemoryDocuments()
        self.roles = {"ron": {"relationship_manager"}, "ann": {"admin"}, "pat": {"projects"}}
        self.is_down = False

    def roles_of(self, name):
        if self.is_down:
            raise Unavailable("asking the user pool: it is down")
        return frozenset(self.roles.get(name, ()))

    def address_of(self, name):
        if self.is_down:
            raise Unavailable("asking the user pool: it is down")
        return f"{name}@home.owner.example" if name in self.roles else ""

    def make(self, by="ron", at=NOW, **facts):
        known = {
            "report": "ageing",
            "words": {},
            "when": DAILY,
            "to": ["ron@owner.example"],
            "format": ReportFormat.CSV,
            **facts,
        }
        return make_schedule(
            self.records, domain="owner.example", roles=self.roles[by], by=by, at=at, **known
        )

    def wake(self, name, at):
        timer = self.records.timers[f"{name}:{REPORT_DUE}"]
        wake_schedule(self.records, timer=timer, at=at)

    def send(self, name, due_at, *, at=None, write=written):
        return send_report(
            self.records,
            self.documents,
            self,
            write,
            schedule_id=name,
            due_at=due_at,
            pages_url=PAGES,
            at=at or due_at,
        )

    def load(self, name):
        return self.records.load(ReportSchedule, name).record

    def log(self, name):
        return [one.what for one in self.records.history(name)]


@pytest.fixture
def house():
    return House()


def test_a_schedule_is_made_once_and_wakes_at_its_first_instant(house):
    made = house.make()
    assert made.due_at == datetime(2026, 6, 9, 13, 0, tzinfo=UTC)
    assert house.records.timers[f"{made.id}:{REPORT_DUE}"].due_at == made.due_at
    assert house.make(at=NOW + timedelta(minutes=5)) == made
    assert house.log(made.id) == ["schedule_made"]
    assert schedules_of(house.records, "ron") == [made]


def test_one_that_was_ended_is_made_anew(house):
    made = house.make()
    end_schedule(house.records, schedule_id=made.id, roles=(), by="ron", at=NOW)
    again = house.make(at=NOW + timedelta(days=1))
    assert again.id != made.id
    assert again.state is ScheduleState.RUNNING
    assert [one.id for one in schedules_of(house.records, "ron")] == [again.id, made.id]
    assert running_schedules(house.records) == [again]


@pytest.mark.parametrize(
    ("facts", "error"),
    [
        ({"report": "aging"}, NotFound),
        ({"words": {"colour": "red"}}, BadInput),
        ({"words": {"emergency": "perhaps"}}, BadInput),
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_not_scheduled(house, facts, error):
    with pytest.raises(error):
        house.make(**facts)
    assert running_schedules(house.records) == []


@pytest.mark.rule("OR-11")
def test_who_may_not_read_a_report_schedules_none(house):
    refused = house.make(by="pat")
    assert (refused.rule, refused.code) == ("OR-11", "role_missing")
    assert house.make(by="ann").code == "role_missing"


@pytest.mark.rule("OR-12")
def test_a_schedule_to_another_house_is_not_made(house):
    assert house.make(to=["x@partner.example"]).code == "foreign_address"
    assert running_schedules(house.records) == []


@pytest.mark.rule("OR-13")
def test_nobody_has_more_than_twenty(house):
    most = MOST_SCHEDULES.on(NOW.date())
    for number in range(most):
        assert isinstance(house.make(words={"days": str(number + 1)}), ReportSchedule)
    assert house.make(words={"days": "99"}).code == "too_many_schedules"
    assert isinstance(house.make(words={"days": "1"}), ReportSchedule)  # it is there already
    first = schedules_of(house.records, "ron")[0]
    end_schedule(house.records, schedule_id=first.id, roles=(), by="ron", at=NOW)
    assert isinstance(house.make(words={"days": "99"}), ReportSchedule)


CHANGERS = [
    pytest.param("ron", {"relationship_manager"}, True, id="its maker"),
    pytest.param("ron", (), True, id="its maker without any role"),
    pytest.param("ann", {"admin"}, True, id="an administrator"),
    pytest.param("rita", {"relationship_manager"}, False, id="another of the same role"),
    pytest.param("otto", {"auditor"}, False, id="an auditor"),
    pytest.param("", (), False, id="nobody"),
]


@pytest.mark.rule("OR-10")
@pytest.mark.parametrize(("by", "roles", "may"), CHANGERS)
def test_its_maker_or_an_administrator_changes_and_ends_it(house, by, roles, may):
    made = house.make()
    who = {"roles": roles, "by": by, "at": NOW}
    monthly = When(Cadence.MONTHLY, NEW_YORK, 9, day=1)
    changed = change_schedule(
        house.records,
        schedule_id=made.id,
        when=monthly,
        to=["rita@owner.example"],
        domain="owner.example",
        **who,
    )
    ended = end_schedule(house.records, schedule_id=made.id, **who)
    if not may:
        assert (changed.rule, changed.code) == (ended.rule, ended.code) == ("OR-10", "not_yours")
        assert house.load(made.id) == made
        return
    assert changed.due_at == datetime(2026, 7, 1, 13, 0, tzinfo=UTC)
    assert (changed.to, changed.made_by) == (("rita@owner.example",), "ron")
    assert (ended.state, ended.ended_by) == (ScheduleState.ENDED, by)
    assert house.records.timers == {}
    assert house.log(made.id) == ["schedule_made", "schedule_changed", "schedule_ended"]


def test_what_is_over_is_not_changed_and_ends_once(house):
    made = house.make()
    who = {"roles": (), "by": "ron", "at": NOW}
    ended = end_schedule(house.records, schedule_id=made.id, **who)
    assert end_schedule(house.records, schedule_id=made.id, **who) == ended
    changed = change_schedule(
        house.records, schedule_id=made.id, when=DAILY, to=["r@owner.example"],
        domain="owner.example", **who,
    )  # fmt: skip
    assert changed.code == "conflict"
    with pytest.raises(NotFound, match="RPS-1"):
        end_schedule(house.records, schedule_id="RPS-1", **who)


def test_a_change_keeps_to_the_house_and_changes_nothing_twice(house):
    made = house.make()
    who = {"schedule_id": made.id, "domain": "owner.example", "roles": (), "by": "ron", "at": NOW}
    same = change_schedule(house.records, when=DAILY, to=made.to, **who)
    assert same == made
    foreign = change_schedule(house.records, when=DAILY, to=["x@y.example"], **who)
    assert foreign.code == "foreign_address"
    assert house.log(made.id) == ["schedule_made"]


# ---------------------------------------------------------------------- being woken
def test_each_due_instant_is_ordered_once(house):
    made = house.make()
    first = made.due_at
    house.wake(made.id, first)
    house.wake(made.id, first)
    house.wake(made.id, first + timedelta(hours=23))
    (message,) = house.records.messages.values()
    assert message.topic == REPORT_DUE
    assert message.body == {"schedule_id": made.id, "due_at": first.isoformat()}
    assert house.load(made.id).due_at == first + timedelta(days=1)
    house.wake(made.id, first + timedelta(days=1, minutes=1))
    assert len(house.records.messages) == 2


def test_after_an_outage_the_latest_missed_instant_is_ordered_and_no_other(house):
    made = house.make()
    house.wake(made.id, made.due_at + timedelta(days=5, hours=3))
    (message,) = house.records.messages.values()
    assert message.body["due_at"] == (made.due_at + timedelta(days=5)).isoformat()
    assert house.load(made.id).due_at == made.due_at + timedelta(days=6)


def test_a_timer_that_comes_too_early_or_too_late_orders_nothing(house):
    made = house.make()
    house.wake(made.id, made.due_at - timedelta(seconds=1))
    timer = house.records.timers[f"{made.id}:{REPORT_DUE}"]
    assert timer.due_at == made.due_at
    end_schedule(house.records, schedule_id=made.id, roles=(), by="ron", at=NOW)
    wake_schedule(house.records, timer=timer, at=made.due_at)
    unknown = Timer("x", "RPS-GONE", REPORT_DUE, NOW)
    wake_schedule(house.records, timer=unknown, at=NOW)
    assert house.records.messages == {}


# ---------------------------------------------------------------------- being sent
def test_a_report_goes_to_everybody_with_its_file_attached(house):
    made = house.make(to=["ron@owner.example", "rita@owner.example"])
    sent = house.send(made.id, made.due_at, at=made.due_at + timedelta(minutes=3))
    letters = sorted(house.records.letters.values(), key=lambda one: one.to)
    assert [one.to for one in letters] == ["rita@owner.example", "ron@owner.example"]
    assert letters[0].subject == "Report: ageing, 2026-06-09"
    ((name, reference),) = letters[0].attachments.items()
    assert name == "ageing-2026-06-09.csv"
    assert house.documents.get(reference).startswith(b"what,id,state,")
    assert "As of 2026-06-09 07:00 (America/Denver), 0 rows. It is attached." in letters[0].text
    assert f"{PAGES}/console/reports/ageing?as_of=2026-06-09T13%3A00%3A00Z" in letters[0].text
    assert sent.sent_for == made.due_at
    assert house.log(made.id) == ["schedule_made", "report_mailed"]


def test_the_same_due_instant_is_sent_once_and_an_older_one_never(house):
    made = house.make()
    later = made.due_at + timedelta(days=1)
    house.send(made.id, later)
    known = dict(house.records.letters)
    house.send(made.id, later, at=later + timedelta(hours=1))
    house.send(made.id, made.due_at, at=later)
    assert house.records.letters == known
    assert house.log(made.id).count("report_mailed") == 1


def test_a_try_that_kept_its_file_and_broke_off_is_taken_up(house):
    made = house.make()
    reference = f"schedules/{made.id}/2026-06-09T1300Z.csv"
    house.documents.put(reference, b"what an earlier try wrote", "text/csv")
    house.send(made.id, made.due_at)
    (letter,) = house.records.letters.values()
    assert house.documents.get(letter.attachments["ageing-2026-06-09.csv"]).startswith(b"what an")


@pytest.mark.rule("OR-14")
@pytest.mark.parametrize(("over", "is_attached"), [(0, True), (1, False)])
def test_a_large_report_is_linked_to(house, over, is_attached):
    made = house.make()
    size = ATTACHMENT_BYTES.on(NOW.date()) + over
    house.send(made.id, made.due_at, write=lambda *_: (b"x" * size, "text/csv"))
    (letter,) = house.records.letters.values()
    assert bool(letter.attachments) is is_attached
    assert ("too large for a mail" in letter.text) is not is_attached
    assert "/console/reports/ageing?" in letter.text


@pytest.mark.rule("OR-11")
def test_a_schedule_stops_when_its_maker_lost_the_role_and_says_so(house):
    made = house.make(to=["ron@owner.example", "rita@owner.example"])
    house.roles["ron"] = {"projects"}
    stopped = house.send(made.id, made.due_at)
    assert (stopped.state, stopped.sent_for) == (ScheduleState.STOPPED, None)
    assert "ron has no role that reads ageing" in stopped.because
    told = sorted(house.records.letters.values(), key=lambda one: one.to)
    assert [one.subject for one in told] == ["Report stopped: ageing"] * 2
    assert all(not one.attachments for one in told)
    assert house.records.timers == {}
    assert house.log(made.id) == ["schedule_made", "schedule_stopped"]
    house.roles["ron"] = {"spc"}
    assert house.send(made.id, made.due_at + timedelta(days=1)) == stopped
    assert len(house.records.letters) == 2


@pytest.mark.rule("OR-11")
def test_who_is_not_in_the_pool_any_more_gets_nothing(house):
    made = house.make()
    del house.roles["ron"]
    assert house.send(made.id, made.due_at).state is ScheduleState.STOPPED


def test_while_the_pool_does_not_answer_nothing_is_sent_and_nothing_stops(house):
    made = house.make()
    house.is_down = True
    with pytest.raises(Unavailable):
        house.send(made.id, made.due_at)
    assert house.load(made.id) == made
    assert house.records.letters == {}
    house.is_down = False
    assert house.send(made.id, made.due_at).sent_for == made.due_at


def test_a_schedule_that_was_ended_meanwhile_sends_nothing(house):
    made = house.make()
    ended = end_schedule(house.records, schedule_id=made.id, roles=(), by="ron", at=NOW)
    assert house.send(made.id, made.due_at) == ended
    assert house.records.letters == {}
    with pytest.raises(NotFound, match="RPS-GONE"):
        house.send("RPS-GONE", NOW)


# ---------------------------------------------------------------------- what cannot be made
DEAD = RuntimeError("secret of the program")
DOWN = Unavailable("asking the user pool: it is down")
NO_SUCH = BadInput("reading partner 'x': there is none; name another")


def fails(house, made, due_at, failed, tries=5):
    return note_failure(
        house.records, house, schedule_id=made.id, due_at=due_at, failed=failed, tries=tries,
        at=due_at + timedelta(hours=2),
    )  # fmt: skip


def letters(house):
    return [(one.to, one.subject) for one in house.records.letters.values()]


FAILURES = [
    pytest.param(DOWN, 1, False, "the user pool: it is down", id="it may go through the next time"),
    pytest.param(DOWN, 4, False, "the user pool: it is down", id="one try is left"),
    pytest.param(DOWN, 5, True, "the user pool: it is down", id="no try is left"),
    pytest.param(NO_SUCH, 1, True, "there is none", id="no further try mends it"),
    pytest.param(DEAD, 5, True, "the program failed", id="an error of the program"),
]


@pytest.mark.rule("OR-15")
@pytest.mark.parametrize(("failed", "tries", "is_told", "because"), FAILURES)
def test_a_report_that_fails_is_said_to_and_its_maker_told_when_it_is_given_up(
    house, failed, tries, is_told, because
):
    made = house.make(to=["rita@owner.example"])
    noted = fails(house, made, made.due_at, failed, tries)
    assert house.load(made.id) == noted
    assert (noted.state, noted.sent_for) == (ScheduleState.RUNNING, None)
    assert (noted.failing_since, noted.failed_for) == (made.due_at, made.due_at)
    assert because in noted.failed_because
    assert "secret" not in noted.failed_because
    expected = [("ron@home.owner.example", "Report not sent: ageing")] if is_told else []
    assert letters(house) == expected
    for letter in house.records.letters.values():
        assert "due on 2026-06-09 at 07:00 (America/Denver)" in letter.text
        assert because in letter.text
        assert "secret" not in letter.text
    assert house.log(made.id) == ["schedule_made", "report_failed"]


@pytest.mark.rule("OR-15")
def test_the_maker_is_told_once_in_a_row_and_anew_after_a_report_that_left(house):
    made = house.make()
    days = [made.due_at + timedelta(days=n) for n in range(4)]
    for tries in range(1, 6):
        fails(house, made, days[0], DEAD, tries)
    fails(house, made, days[1], DEAD)
    noted = fails(house, made, days[1], DEAD)
    assert (noted.failing_since, noted.failed_for) == (days[0], days[1])
    assert len(letters(house)) == 1
    assert house.log(made.id).count("report_failed") == 2
    well = house.send(made.id, days[2])
    assert (well.failing_since, well.failed_for, well.failed_because) == (None, None, "")
    assert len(letters(house)) == 2
    fails(house, made, days[3], DEAD)
    assert len(letters(house)) == 3


@pytest.mark.rule("OR-15")
def test_what_was_sent_or_is_over_has_not_failed(house):
    made = house.make()
    sent = house.send(made.id, made.due_at)
    assert fails(house, made, made.due_at, DEAD) == sent
    assert fails(house, made, made.due_at - timedelta(days=1), DEAD) == sent
    ended = end_schedule(house.records, schedule_id=made.id, roles=(), by="ron", at=NOW)
    assert fails(house, made, made.due_at + timedelta(days=1), DEAD) == ended
    assert house.records.load(ReportSchedule, made.id).record == ended
    assert note_failure(
        house.records, house, schedule_id="RPS-GONE", due_at=NOW, failed=DEAD, tries=5, at=NOW
    ) is None  # fmt: skip


@pytest.mark.rule("OR-15")
@pytest.mark.parametrize("is_down", [True, False], ids=["the pool is down", "nobody knows it"])
def test_where_the_makers_address_is_not_known_those_are_told_who_get_the_report(house, is_down):
    made = house.make(to=["rita@owner.example", "sam@owner.example"])
    house.is_down = is_down
    del house.roles["ron"]
    fails(house, made, made.due_at, DOWN)
    assert sorted(to for to, _ in letters(house)) == ["rita@owner.example", "sam@owner.example"]


@pytest.mark.rule("OR-15")
def test_an_instant_that_left_neither_report_nor_error_is_told_at_the_next_one(house):
    made = house.make()
    first, second = made.due_at, made.due_at + timedelta(days=1)
    house.wake(made.id, first)
    assert house.load(made.id).failing_since is None
    house.wake(made.id, second)
    known = house.load(made.id)
    assert (known.failing_since, known.failed_for) == (first, first)
    assert "dead letters" in known.failed_because
    assert house.log(made.id) == ["schedule_made", "report_failed"]
    for _ in range(2):
        tell_of_failing(house.records, house, schedule_id=made.id, due_at=second, at=second)
    assert letters(house) == [("ron@home.owner.example", "Report not sent: ageing")]
    assert house.send(made.id, second).failing_since is None
    tell_of_failing(house.records, house, schedule_id=made.id, due_at=second, at=second)
    tell_of_failing(house.records, house, schedule_id="RPS-GONE", due_at=second, at=second)
    assert len(letters(house)) == 2


@pytest.mark.rule("OR-15")
def test_what_was_noted_with_its_reason_keeps_it_when_the_next_instant_comes(house):
    made = house.make()
    house.wake(made.id, made.due_at)
    noted = fails(house, made, made.due_at, NO_SUCH, 1)
    house.wake(made.id, made.due_at + timedelta(days=1))
    known = house.load(made.id)
    assert known.failed_because == noted.failed_because
    assert house.log(made.id).count("report_failed") == 1


# ---------------------------------------------------------------------- as a page
def test_a_report_as_a_page_escapes_what_it_shows():
    made = Report(
        "ageing",
        "What <b>stands</b> open.",
        Asked(NOW, date(2026, 6, 1), date(2026, 6, 8)),
        (Column("who", says='a "name"'), Column("taken", "cents"), Column("ok"), Column("at")),
        (
            Row(("<script>alert(1)</script>", -123_456, True, NOW)),
            Row((None, None, False, None)),
        ),
        ("Nothing & no more",),
    )
    page = as_html(made)
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert '<td class="n">-1,234.56</td>' in page
    assert '<th scope="col">taken<small>$</small></th>' in page
    assert 'title="a &quot;name&quot;"' in page
    assert "<td>yes</td><td>2026-06-08T15:00:00Z</td>" in page
    assert "Nothing &amp; no more" in page
    assert "http" not in page
    assert written(made, ReportFormat.HTML) == (page.encode(), "text/html; charset=utf-8")
    assert written(made, ReportFormat.CSV)[0].startswith(b"who,taken,ok,at,subjects\r\n")


def test_the_page_of_a_report_asks_the_same_question():
    asked = Asked(
        at("08T09:00").astimezone(UTC),
        date(2026, 6, 1),
        date(2026, 6, 8),
        partner_id="P&A",
        emergency=False,
        what_if={"calendar": "us_federal", "accept": "3"},
    )
    found = page_of(PAGES, Report("replay", "", asked, (), ()))
    assert found == (
        f"{PAGES}/console/reports/replay?as_of=2026-06-08T13%3A00%3A00Z&from=2026-06-01"
        "&until=2026-06-08&partner=P%26A&emergency=no&horizon_hours=72"
        "&what_if=accept%3D3%2Ccalendar%3Dus_federal"
    )


def test_nobody_has_schedules_where_none_were_made():
    assert schedules_of(MemoryRecords(), "ron") == []


def test_what_is_told_of_a_question_is_what_can_be_asked():
    tried = {
        "instant": "2026-06-01T00:00Z",
        "day": "2026-06-01",
        "text": "x",
        "yes_or_no": "yes",
        "hours": "5",
        "settings": "accept=3",
    }
    asked = {one.name: tried[one.kind] for one in PARAMETERS} | {"until": "2026-06-02"}
    found = question(asked, now=NOW).parameters
    assert {one.name for one in PARAMETERS} == {
        *(found.keys() - {"what_if.accept"}),
        "as_of",
        "what_if",
    }
    assert set(WORDS) - {"days"} <= set(asked)
    assert question({}, now=NOW).parameters["horizon_hours"] == int(
        next(one.default for one in PARAMETERS if one.kind == "hours")
    )
