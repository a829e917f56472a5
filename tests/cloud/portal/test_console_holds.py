"""The console's page of what stopped: findings, letters, mail, files; and who lets it go."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cloud.detection.models import HoldState, RegionSweep, SweepHold
from cloud.service.models import Mail, MailState, PostHold
from cloud.service.process.sending import HOLD
from cloud.service.uploads import Purpose, Upload, UploadState
from tests.cloud.portal.homes_world import Street
from tests.cloud.portal.pages_world import NOW
from tests.cloud.service.case_world import put

PATH = "/console/holds"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
REGION = "UTC-05.N35W079"
SWEEP = SweepHold(
    REGION,
    HoldState.HELD,
    ("F-1", "F-2", "F-3"),
    18,
    NOW - HOUR,
    "something new at 9 of 18 sites of one region at once",
    ("SITE-1: it makes too little",),
)
FILE = Upload(
    "UPL-1", "WO-1", "P-ALDER", Purpose.PHOTO_FOUND, "roof.jpg", "image/jpeg", 9, "0" * 64,
    UploadState.REFUSED, "quarantine/1", NOW - DAY, "bo", settled_at=NOW - HOUR,
    because="it holds a virus",
)  # fmt: skip


class Held(Street):
    """A street over which things can be held."""

    def page(self, who: str = "sam") -> str:
        return self.world.page(who, PATH).plain

    def sweep(self, **differs: object) -> None:
        put(self.records, replace(SWEEP, **differs))
        put(self.records, RegionSweep(REGION, -5, NOW - HOUR, 1, (0,), judged_at=NOW - HOUR))

    def letters(self, many: int = 3, state: MailState = MailState.HELD) -> None:
        decided = {} if state is MailState.HELD else {"decided_by": "amy", "decided_at": NOW}
        put(self.records, PostHold(HOLD, state, "1001 letters in one hour", NOW - HOUR, **decided))
        for number in range(many):
            mail = Mail(
                f"MAIL-{number}", MailState.HELD, f"WO-{number}", True, "",
                f"a{number % 2}@b.example", f"Letter {number}", NOW - HOUR,
            )  # fmt: skip
            put(self.records, mail)

    def hold(self) -> SweepHold:
        return self.records.load(SweepHold, REGION).record

    def post_hold(self) -> PostHold:
        return self.records.load(PostHold, HOLD).record

    def does(self, who: str, deed: str, **fields: object) -> str:
        sent = self.world.send(who, f"{PATH}/{deed}", **fields)
        return self.world.after(who, sent).plain


@pytest.fixture
def held() -> Held:
    return Held()


def test_where_nothing_is_held_the_page_says_what_would_come(held):
    page = held.page()
    assert "No region is held" in page
    assert "No letters are held, and none ever were" in page
    assert "No file was removed in the last 30 days" in page


@pytest.mark.parametrize(
    ("who", "sees_findings", "status"),
    [
        pytest.param("sam", True, 200, id="a coordinator sees all"),
        pytest.param("amy", False, 200, id="the aftermarket service sees the letters"),
        pytest.param("otto", True, 200, id="an auditor sees all"),
        pytest.param("tess", False, 403, id="treasury has no business here"),
    ],
)
def test_each_sees_what_its_routes_show(held, who, sees_findings, status):
    held.sweep()
    seen = held.world.page(who, PATH)
    assert seen.status == status
    assert ("3 findings" in seen.plain) is sees_findings


@pytest.mark.parametrize(
    ("deed", "who"),
    [
        (f"sweeps/{REGION}/release", "amy"),
        (f"sweeps/{REGION}/discard", "amy"),
        (f"sweeps/{REGION}/release", "otto"),
        (f"sweeps/{REGION}/discard", "otto"),
        ("replay", "amy"),
        ("replay", "otto"),
        ("post/release", "sam"),
        ("post/drop", "sam"),
        ("post/release", "otto"),
        ("post/drop", "otto"),
    ],
)
def test_nobody_decides_what_is_anothers(held, deed, who):
    held.sweep()
    held.letters()
    assert held.world.send(who, f"{PATH}/{deed}").status == 403
    assert f'action="{PATH}/{deed}"' not in held.world.page(who, PATH).text
    assert held.hold().state is HoldState.HELD
    assert held.post_hold().state is MailState.HELD


# ---- findings ------------------------------------------------------------------------------------


def test_held_findings_tell_what_follows_either_way(held):
    held.sweep()
    page = held.page()
    assert "something new at 9 of 18 sites" in page
    assert "3 findings at 18 homes that were looked at" in page
    assert "SITE-1: it makes too little" in page
    assert "up to 3 cases open" in page
    assert "these 3 count as told and nobody hears of them" in page


@pytest.mark.parametrize(
    ("deed", "state", "says"),
    [
        pytest.param("release", HoldState.RELEASED, "They are true, then", id="they are true"),
        pytest.param("discard", HoldState.DISCARDED, "nobody is told", id="they are not"),
    ],
)
def test_a_coordinator_decides_on_findings_once(held, deed, state, says):
    held.sweep()
    for _ in range(2):
        assert says in held.does("sam", f"sweeps/{REGION}/{deed}")
    assert (held.hold().state, held.hold().decided_by) == (state, "sam")
    assert "Decided lately" in held.page()
    other = "discard" if deed == "release" else "release"
    assert "D-97" in held.does("sam", f"sweeps/{REGION}/{other}")
    assert held.hold().state is state


def test_a_region_that_nothing_is_held_in_is_absent(held):
    assert held.world.send("sam", f"{PATH}/sweeps/UTC-05.N00W000/release").status == 404


# ---- letters -------------------------------------------------------------------------------------


def test_held_letters_are_counted_before_anybody_decides(held):
    held.letters(3)
    page = held.page("amy")
    assert "1001 letters in one hour" in page
    assert "3 letters wait" in page
    assert "for 2 addresses: 3 about work orders" in page
    assert "all 3 go out" in page
    assert "Letter 2" in page
    assert "The aftermarket service decides" in held.page("sam")


def test_only_the_first_of_many_letters_are_listed(held):
    held.letters(25)
    page = held.page("amy")
    assert "25 letters wait" in page
    assert "The first 20 letters" in page
    assert "Letter 10" in page
    assert "Letter 9" not in page


@pytest.mark.parametrize(
    ("deed", "state", "says", "later"),
    [
        ("release", MailState.RELEASED, "The letters leave now", "amy let them leave"),
        ("drop", MailState.DROPPED, "are dropped", "amy dropped them"),
    ],
)
def test_the_aftermarket_service_decides_on_letters_once(held, deed, state, says, later):
    held.letters()
    for _ in range(2):
        assert says in held.does("amy", f"post/{deed}")
    assert held.post_hold().state is state
    assert later in held.page("otto")
    other = "drop" if deed == "release" else "release"
    assert "no letters are held now" in held.does("amy", f"post/{other}")


# ---- mail and files ------------------------------------------------------------------------------


def test_mail_that_was_put_aside_is_counted_with_the_way_to_it(held):
    put(
        held.records, Mail("MAIL-1", MailState.QUARANTINED, "", False, "x@y.example", "", "Hi", NOW)
    )
    assert "Mail: put aside 1" in held.page()
    assert "/console/mails?state=quarantined" in held.world.page("sam", PATH).text


@pytest.mark.parametrize(
    ("file", "is_shown"),
    [
        pytest.param(FILE, True, id="removed an hour ago"),
        pytest.param(replace(FILE, settled_at=NOW - 31 * DAY), False, id="removed long ago"),
        pytest.param(
            replace(FILE, state=UploadState.SCANNING, because=""), True, id="a scan that hangs"
        ),
        pytest.param(
            replace(FILE, state=UploadState.SCANNING, requested_at=NOW),
            False,
            id="a scan that runs",
        ),
        pytest.param(replace(FILE, state=UploadState.KEPT), False, id="kept"),
        pytest.param(
            replace(FILE, work_order_id="papers-of-P-ALDER"), False, id="a partner's own paper"
        ),
    ],
)
def test_files_that_stopped_are_shown_with_why(held, file, is_shown):
    put(held.records, file)
    page = held.page()
    assert ("roof.jpg" in page) is is_shown
    if is_shown and file.because:
        assert "it holds a virus" in page


# ---- judging anew --------------------------------------------------------------------------------


def test_days_are_judged_anew_on_one_clock(held):
    held.sweep()
    sent = held.does("sam", "replay", replay_clock="-5", replay_from="2026-06-01")
    assert "4 homes are measured and judged anew from 2026-06-01 on" in sent
    assert "passed over" not in sent


@pytest.mark.rule("D-99")
def test_homes_whose_evaluation_is_not_over_are_told_to_be_passed_over(held):
    sent = held.does("sam", "replay", replay_clock="-5", replay_from="2026-06-01")
    assert "Nothing is measured anew. 4 homes are passed over" in sent
    assert "are measured and judged anew" not in sent


@pytest.mark.parametrize(
    ("clock", "since", "says"),
    [
        pytest.param("", "", "Choose the clock", id="nothing"),
        pytest.param("-9", "2026-06-01", "Choose the clock", id="a clock that is not served"),
        pytest.param("-5", "soon", "This is no day", id="no day"),
        pytest.param("-5", "2026-07-01", "has not come yet", id="a day to come"),
    ],
)
def test_a_replay_that_cannot_be_shows_its_form_again(held, clock, since, says):
    seen = held.world.send("sam", f"{PATH}/replay", replay_clock=clock, replay_from=since)
    assert seen.status == 422
    assert says in seen.plain
    assert since in seen.text


def test_what_comes_from_outside_stays_text(held):
    held.sweep(examples=("<script>alert(1)</script>",), says="<b>x</b>")
    put(held.records, replace(FILE, name="<img src=x>"))
    page = held.world.page("sam", PATH).text
    assert "<script>alert" not in page
    assert "<img src=x>" not in page
