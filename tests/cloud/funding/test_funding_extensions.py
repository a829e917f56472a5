"""Extension requests: at the door, by the deciding person, against the cap, and when they end."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from funding_world import World, partner, project, site
from hypothesis import given
from hypothesis import strategies as st

from cloud.adapters.memory import MemoryRecords
from cloud.funding import extension, process
from cloud.funding.extension import ExtensionExposure, RequestState
from cloud.funding.models import Deduction, Payable, PayableState
from cloud.funding.netting import DeductionKind
from cloud.funding.policy import D23, F14, F15, F16, FIRST_DAY, ExposureCap
from cloud.funding.process import Unfit
from cloud.kernel.change import Change, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, Conflict, NotFound
from cloud.kernel.money import Money
from cloud.portfolio.models import TEST, Milestone, Revocation, milestone_id
from cloud.service.uploads import Purpose, Upload, UploadState

ET = ZoneInfo("America/New_York")
M1_AT = datetime(2026, 12, 1, 15, 0, tzinfo=UTC)
M1_ON = date(2026, 12, 1)
ASKED = datetime(2027, 2, 1, 15, 0, tzinfo=UTC)
DECIDED = ASKED + timedelta(days=2)
M1_MONEY = Money(24_000_00)


def et(day: date, hour: int = 12, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=ET)


def proof(project_id: str = "PRJ-1", owner: str = "P-A", **changes) -> Upload:
    made = Upload(
        id=f"UPL-{project_id}",
        work_order_id=project_id,
        partner_id=owner,
        purpose=Purpose.EVIDENCE,
        name="mail.pdf",
        content_type="application/pdf",
        size_bytes=10,
        sha256="0" * 64,
        state=UploadState.KEPT,
        quarantine="q",
        requested_at=ASKED,
        requested_by="client",
        evidence="evidence/x.pdf",
    )
    return replace(made, **changes)


class Street(World):
    """Projects that wait for their activation, with M1 money that runs took."""

    def __init__(self, *partners):
        super().__init__(partners or [partner()])

    def waits(self, name="PRJ-1", owner="P-A", *, state=PayableState.PAID, cents=None, **changes):
        value = Money(cents * 10 // 8) if cents else Money(30_000_00)
        made = project(name, owner, value=value, reached=((Milestone.M1, M1_AT),), **changes)
        paid = Payable(
            id=f"PAY-{name}",
            partner_id=owner,
            project_id=name,
            work_order_id="",
            milestone="M1",
            amount=Money(cents) if cents else M1_MONEY,
            accrued_at=M1_AT,
            state=state,
            causes=(milestone_id(name, Milestone.M1, made.occurrence(Milestone.M1)), name),
        )
        saves = (Save(site(name)), Save(made), Save(paid), Save(proof(name, owner)))
        self.records.commit(Change(saves=saves))
        return made

    def backlog(self, cents: int, name="BIG", owner="P-A"):
        """Make the partner's backlog so much larger."""
        self.waits(name, owner, cents=cents)

    def change(self, name="PRJ-1", **changes):
        stored = self.records.load(type(project("x")), name)
        self.records.commit(Change(saves=(stored.replaced_by(replace(stored.record, **changes)),)))

    def ask(self, name="PRJ-1", owner="P-A", at=ASKED, by="client", text="", **fields):
        told = {
            "account_finco_id": name,
            "account_primary_name": " c.  USTOMER ",
            "eta_of_pto": "2027-05-01",
            "extension_request_deadline": "2027-05-15",
            "install_submission_date": M1_ON.isoformat(),
            "reason": "transformer_upgrade",
        }
        shown = fields.pop("proof", f"upload:UPL-{name}")
        return process.submit_extension(
            self.records,
            project_id=name,
            partner_id=owner,
            fields={**told, **fields},
            reason_text=text,
            proof_reference=shown,
            at=at,
            by=by,
        )

    def grant(self, request, at=DECIDED, by="ana", days=None):
        return process.grant_extension(self.records, request_id=request.id, at=at, by=by, days=days)

    def clawback(self, name="PRJ-1", owner="P-A", at=None, recovered=()):
        debt = Deduction(
            id=f"DED-{name}",
            kind=DeductionKind.CLAWBACK_M1,
            partner_id=owner,
            project_id=name,
            raised=M1_MONEY,
            incurred_on=date(2027, 4, 1),
            raised_at=at or datetime(2027, 4, 1, 12, tzinfo=UTC),
            applications=tuple(recovered),
        )
        self.records.commit(Change(saves=(Save(debt),)))
        return debt

    def is_paused(self, name="PRJ-1"):
        return self.records.load(Deduction, f"DED-{name}").record.paused

    def exposed(self, owner="P-A"):
        held = self.records.load(ExtensionExposure, f"comfort.{owner}")
        return [(one.project_id, one.amount.cents, one.until) for one in held.record.extended]


@pytest.fixture
def street():
    made = Street()
    made.waits()
    made.backlog(1_000_000_00)
    return made


# --- at the door -------------------------------------------------------------------------------


@pytest.mark.rule("F11")
@pytest.mark.rule("F12")
def test_a_complete_request_waits_a_week_for_its_decision(street):
    request = street.ask()
    assert (request.state, request.days, request.amount) == ("pending", 30, M1_MONEY)
    assert request.decision_due_date == date(2027, 2, 8)
    timer = street.records.timers[f"extension-due-{request.id}"]
    assert (timer.wakes, timer.due_at) == (
        "extension_decision_due",
        datetime(2027, 2, 9, 5, 0, tzinfo=UTC),
    )
    assert "Monday, February 8, 2027" in street.records.letters[_only(street)].text
    assert process.extensions_of(street.records, "PRJ-1") == ()


def _only(street):
    (name,) = street.records.letters
    return name


def test_the_same_request_again_is_the_same_one(street):
    assert street.ask() == street.ask(at=ASKED + timedelta(hours=1))
    assert len(street.records.letters) == 1


@pytest.mark.rule("F11")
@pytest.mark.rule("F15")
@pytest.mark.rule("F17")
@pytest.mark.rule("D23")
@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        pytest.param({"eta_of_pto": " "}, ["missing_eta_of_pto"], id="a blank field is missing"),
        pytest.param({"reason": "weather"}, ["unknown_reason"], id="unknown reason"),
        pytest.param({"reason": "other"}, ["missing_reason_text"], id="other without words"),
        pytest.param({"proof": ""}, ["missing_proof_document"], id="no proof"),
        pytest.param({"proof": "upload:UPL-BIG"}, ["proof_not_kept"], id="another's proof"),
        pytest.param({"proof": "upload:UPL-0"}, ["proof_not_kept"], id="no such proof"),
        pytest.param(
            {"account_primary_name": "Somebody"},
            ["account_primary_name_differs"],
            id="another name",
        ),
        pytest.param(
            {"account_finco_id": "BIG"}, ["account_finco_id_differs"], id="another account"
        ),
        pytest.param(
            {"install_submission_date": "2026-12-02"},
            ["install_submission_date_differs"],
            id="a day late",
        ),
        pytest.param(
            {"install_submission_date": "12/01/2026"},
            ["unreadable_install_submission_date"],
            id="not a date",
        ),
        pytest.param(
            {"reason": "", "proof": "", "eta_of_pto": "soon", "account_primary_name": "X"},
            [
                "missing_reason",
                "missing_proof_document",
                "account_primary_name_differs",
                "unreadable_eta_of_pto",
            ],
            id="all at once",
        ),
    ],
)
def test_what_is_wrong_is_told_all_at_once(street, changes, problems):
    answer = street.ask(**changes)
    assert isinstance(answer, Unfit)
    assert (list(answer.problems), answer.code) == (problems, problems[0])
    assert street.records.find(extension.ExtensionRequest, by="state", value="pending") == ()


@pytest.mark.rule("F15")
@pytest.mark.rule("D23")
@pytest.mark.parametrize(
    ("market", "is_open"),
    [("", True), ("CO", True), ("co ", True), ("GA", False), ("AEP-TX", False)],
    ids=["the site's state", "Colorado", "as written", "Georgia", "a utility"],
)
def test_the_market_reason_asks_where(street, market, is_open):
    street.change(market=market)
    answer = street.ask(reason="ca_co_market")
    assert isinstance(answer, Refused) != is_open
    assert is_open or answer.problems == ("market_not_eligible",)


@pytest.fixture
def southern():
    """A programme with its own reasons, markets, status and cap, as data."""
    own = (
        (F14, {"southern_market": 45, "other": None}),
        (F15, frozenset({"GA", "AEP-TX"})),
        (F16, ExposureCap(500, Money(100_000_00))),
        (D23, frozenset({"southern_market"})),
    )
    for rule, value in own:
        rule.programmes["southern"] = {FIRST_DAY: value}
    yield
    for rule, _ in own:
        del rule.programmes["southern"]


@pytest.mark.rule("D23")
def test_another_programme_is_data(street, southern):
    street.change(programme="southern", market="AEP-TX")
    street.change("BIG", programme="southern")
    assert street.ask().problems == ("unknown_reason",)
    request = street.ask(reason="southern_market")
    assert (request.days, request.programme) == (45, "southern")
    assert street.grant(request).until == M1_ON + timedelta(120 + 45)
    standing = process.exposure_of(
        street.records, partner_id="P-A", programme="southern", at=DECIDED
    )
    assert (standing.sum, standing.cap) == (M1_MONEY, Money(51_200_00))
    assert process.exposure_of(
        street.records, partner_id="P-A", programme="comfort", at=DECIDED
    ).cap == Money(0)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"cancelled": True}, "project_cancelled", id="cancelled"),
        pytest.param(
            {"reached": ((Milestone.M1, M1_AT), (Milestone.M2, ASKED))},
            "project_activated",
            id="activated",
        ),
        pytest.param({"reached": ()}, "m1_missing", id="not installed"),
    ],
)
def test_only_what_waits_for_its_activation(street, changes, code):
    pending = street.ask()
    street.change(**changes)
    assert street.ask(reason="main_panel_upgrade").code == code
    assert street.grant(pending).code == code


def test_nothing_left_to_postpone(street):
    from cloud.funding.models import Application

    street.clawback(recovered=[Application("run", M1_MONEY)])
    assert street.ask(at=et(date(2027, 4, 2))).code == "nothing_to_postpone"


def test_what_was_taken_before_the_decision_is_not_postponed(street):
    from cloud.funding.models import Application

    pending = street.ask(at=et(date(2027, 4, 2)))
    part = street.clawback(recovered=[Application("run", Money(4_000_00))])
    assert street.ask(reason="main_panel_upgrade").amount == Money(20_000_00)
    stored = street.records.load(Deduction, part.id)
    whole = replace(part, applications=(Application("run", M1_MONEY),))
    street.records.commit(Change(saves=(stored.replaced_by(whole),)))
    assert street.grant(pending).code == "nothing_to_postpone"


def test_what_an_activation_gave_back_can_be_taken_again(street):
    from cloud.funding.models import REINSTATED, Application

    street.clawback(recovered=[Application("run", M1_MONEY)])
    back = Payable("BACK", "P-A", "PRJ-1", "", REINSTATED, M1_MONEY, DECIDED)
    street.records.commit(Change(saves=(Save(back),)))
    assert street.ask(at=et(date(2027, 4, 2))).amount == M1_MONEY


def test_only_the_own_organisation_and_its_parent_ask():
    street = Street(
        partner("P-A", parent_id="P-UP"),
        partner("P-UP"),
        partner("P-B", parent_id="P-UP"),
        partner("P-TRY", mode=TEST),
    )
    street.waits()
    assert street.ask(owner="P-UP").partner_id == "P-A"
    for stranger in ("P-B", "P-TRY", "P-NOBODY"):
        with pytest.raises(NotFound, match="PRJ-1 is not known here"):
            street.ask(owner=stranger)
    with pytest.raises(NotFound):
        street.ask("PRJ-0")


def test_a_parent_that_is_tried_out_reaches_no_live_part():
    street = Street(partner("P-A", parent_id="P-UP"), partner("P-UP", mode=TEST))
    street.waits()
    with pytest.raises(NotFound):
        street.ask(owner="P-UP")


# --- deciding ----------------------------------------------------------------------------------


@pytest.mark.rule("F13")
@pytest.mark.rule("F14")
def test_a_grant_moves_the_clock(street):
    granted = street.grant(street.ask())
    assert (granted.state, granted.until) == (RequestState.APPROVED, date(2027, 4, 30))
    assert [one.days for one in process.extensions_of(street.records, "PRJ-1")] == [30]
    assert street.exposed() == [("PRJ-1", M1_MONEY.cents, date(2027, 4, 30))]
    assert f"extension-due-{granted.id}" not in street.records.timers
    ended = street.records.timers["extension-ended-PRJ-1"]
    assert ended.due_at == datetime(2027, 5, 1, 4, 0, tzinfo=UTC), "daylight saving time by then"
    assert any("30 days are added" in one.text for one in street.records.letters.values())
    assert street.grant(granted) == granted, "granting again changes nothing"
    assert street.grant(granted, by="bob").code == "conflict"


@pytest.mark.rule("F14")
def test_granted_ones_add_up(street):
    street.grant(street.ask())
    second = street.grant(street.ask(reason="customer_escalation"))
    assert second.until == M1_ON + timedelta(120 + 30 + 14)
    assert street.exposed() == [("PRJ-1", M1_MONEY.cents, second.until)], "its money counts once"
    granted = process.extensions_of(street.records, "PRJ-1")
    assert sorted(one.days for one in granted) == [14, 30]


@pytest.mark.rule("D21")
@pytest.mark.parametrize(
    ("days", "code"),
    [
        (None, "days_out_of_range"),
        (0, "days_out_of_range"),
        (1, ""),
        (60, ""),
        (61, "days_out_of_range"),
    ],
)
def test_other_reasons_last_as_long_as_the_approver_says(street, days, code):
    request = street.ask(reason="other", text="flood")
    assert request.days is None
    answer = street.grant(request, days=days)
    assert getattr(answer, "code", "") == code
    assert code or answer.days == days


@pytest.mark.rule("F14")
def test_listed_reasons_have_their_days(street):
    request = street.ask()
    assert street.grant(request, days=31).code == "days_are_fixed"
    assert street.grant(request, days=30).days == 30


@pytest.mark.rule("F14")
@pytest.mark.parametrize(
    ("on", "code"),
    [
        pytest.param(M1_ON + timedelta(150), "", id="on the last day that it would give"),
        pytest.param(M1_ON + timedelta(151), "days_already_over", id="the day after"),
    ],
)
def test_days_that_are_over_already_postpone_nothing(street, on, code):
    assert getattr(street.grant(street.ask(), at=et(on, 23, 59)), "code", "") == code


def test_who_asked_does_not_grant(street):
    request = street.ask(by="ana")
    for answer in (
        street.grant(request),
        process.deny_extension(
            street.records, request_id=request.id, because="x", at=DECIDED, by="ana"
        ),
    ):
        assert (answer.rule, answer.code) == ("D09", "maker_is_checker")


def test_a_request_for_an_m1_that_was_revoked_is_over(street):
    request = street.ask()
    gone = Revocation(Milestone.M1, M1_AT, DECIDED, "ops", "wrong photos")
    street.change(revoked=(gone,))
    assert street.grant(request).code == "conflict"


def test_what_was_granted_for_a_revoked_m1_does_not_count(street):
    street.grant(street.ask())
    street.change(revoked=(Revocation(Milestone.M1, M1_AT, DECIDED, "ops", "x"),))
    assert process.extensions_of(street.records, "PRJ-1") == ()


@pytest.mark.rule("F12")
def test_denied_with_a_reason(street):
    request = street.ask()

    def deny(because, by="ana"):
        return process.deny_extension(
            street.records, request_id=request.id, because=because, at=DECIDED, by=by
        )

    assert deny(" ").code == "reason_missing"
    after = deny("the photo shows another house")
    assert after.state is RequestState.DENIED
    assert any("another house" in one.text for one in street.records.letters.values())
    assert deny("anything") == after
    assert street.grant(request).code == "conflict"
    assert process.extensions_of(street.records, "PRJ-1") == ()
    assert street.records.timers == {}


def test_withdrawn_by_its_organisation_only(street):
    request = street.ask()

    def withdraw(owner):
        return process.withdraw_extension(
            street.records, request_id=request.id, partner_id=owner, at=DECIDED, by="client"
        )

    with pytest.raises(NotFound):
        withdraw("P-B")
    assert withdraw("P-A").state is RequestState.WITHDRAWN
    assert withdraw("P-A").state is RequestState.WITHDRAWN
    assert street.grant(request).code == "conflict"
    other = street.grant(street.ask(reason="main_panel_upgrade"))
    refused = process.withdraw_extension(
        street.records, request_id=other.id, partner_id="P-A", at=DECIDED, by="client"
    )
    assert refused.code == "conflict"


# --- the cap -----------------------------------------------------------------------------------


@pytest.mark.rule("F16")
@pytest.mark.parametrize(
    ("backlog_cents", "code"),
    [
        pytest.param(216_000_00, "", id="a tenth exactly"),
        pytest.param(215_999_92, "exposure_cap", id="a cent above a tenth"),
    ],
)
def test_a_tenth_of_the_backlog(backlog_cents, code):
    street = Street()
    street.waits()
    street.backlog(backlog_cents)
    answer = street.grant(street.ask())
    assert getattr(answer, "code", "") == code
    assert not code or ("$24,000.00" in answer.because and "$23,999.99" in answer.because)


@pytest.mark.rule("F16")
def test_half_a_million_whatever_the_backlog():
    street = Street()
    street.backlog(100_000_000_00)
    for name in range(3):
        street.waits(f"PRJ-{name}", cents=200_000_00)
    assert street.grant(street.ask("PRJ-0")).until
    assert street.grant(street.ask("PRJ-1")).until
    assert street.grant(street.ask("PRJ-2")).code == "exposure_cap"
    process.release_exposure(street.records, project_id="PRJ-0", at=DECIDED)
    assert street.grant(street.ask("PRJ-2")).until


@pytest.mark.rule("F16")
def test_what_counts_as_backlog():
    street = Street(partner("P-A"), partner("P-B"))
    street.waits("PAID")
    street.waits("PLANNED", state=PayableState.PLANNED)
    street.waits("OPEN", state=PayableState.OPEN)
    street.waits("GONE", state=PayableState.WITHDRAWN)
    street.waits("CANCELLED", cancelled=True)
    street.waits("OTHER", owner="P-B")
    street.waits("ELSEWHERE", programme="southern")
    street.waits("ACTIVE")
    street.change("ACTIVE", reached=((Milestone.M1, M1_AT), (Milestone.M2, ASKED)))
    street.waits("REVOKED")
    street.change(
        "REVOKED", revoked=(Revocation(Milestone.M1, M1_AT, ASKED, "ops", "paid for before"),)
    )
    standing = process.exposure_of(
        street.records, partner_id="P-A", programme="comfort", at=DECIDED
    )
    assert standing.backlog == M1_MONEY * 2


@pytest.mark.rule("F16")
def test_an_extension_counts_until_its_last_day():
    street = Street()
    street.backlog(100_000_000_00)
    street.waits("PRJ-0", cents=400_000_00)
    street.waits("PRJ-1", cents=400_000_00)
    until = street.grant(street.ask("PRJ-0")).until
    request = street.ask("PRJ-1")
    assert street.grant(request, at=et(until, 23, 59)).code == "exposure_cap"
    # The day after, the other project's own days must still help it.
    second = street.ask("PRJ-1", reason="other", text="flood")
    assert street.grant(second, at=et(until + timedelta(1), 0, 0), days=60).until
    assert [one[0] for one in street.exposed()] == ["PRJ-1"]


class _Stale(MemoryRecords):
    """Shows what was there when it was made, and writes to what is there now."""

    def __init__(self, now: MemoryRecords):
        super().__init__()
        self._records, self._history = dict(now._records), {}
        self._now = now

    def commit(self, change):
        self._now.commit(change)


@pytest.mark.rule("F16")
@pytest.mark.parametrize("has_one", [False, True], ids=["the first two", "with one before"])
def test_two_grants_at_once_cannot_both_take_the_last_of_the_cap(has_one):
    street = Street()
    street.backlog(100_000_000_00)
    for name in ("PRJ-0", "PRJ-1"):
        street.waits(name, cents=300_000_00)
    street.waits("PRJ-2", cents=100_000_00)
    if has_one:
        street.grant(street.ask("PRJ-2"))
    first, second = street.ask("PRJ-0"), street.ask("PRJ-1")
    seen_by_both = [_Stale(street.records), _Stale(street.records)]
    one, two = (
        lambda records=records, request=request: process.grant_extension(
            records, request_id=request.id, at=DECIDED, by="ana"
        )
        for records, request in zip(seen_by_both, (first, second), strict=True)
    )
    assert one().state is RequestState.APPROVED
    with pytest.raises(Conflict):
        two()
    assert street.grant(second).code == "exposure_cap"


def test_a_grant_and_an_activation_at_once(street):
    request = street.ask()
    stale = _Stale(street.records)
    street.change(reached=((Milestone.M1, M1_AT), (Milestone.M2, DECIDED)))
    with pytest.raises(Conflict):
        process.grant_extension(stale, request_id=request.id, at=DECIDED, by="ana")


@given(
    st.lists(
        st.tuples(st.sampled_from(["grant", "end", "release"]), st.integers(0, 5)), max_size=25
    )
)
def test_the_cap_holds_whatever_happens(steps):
    street = Street()
    street.backlog(100_000_000_00)
    for place in range(6):
        street.waits(f"PRJ-{place}", cents=150_000_00)
    reasons = ("transformer_upgrade", "utility_ahj_delay", "customer_escalation")
    at = DECIDED
    for number, (step, place) in enumerate(steps):
        at += timedelta(hours=7)
        name = f"PRJ-{place}"
        if step == "grant":
            request = street.ask(name, reason=reasons[number % 3], at=at)
            street.grant(request, at=at)
        elif step == "end":
            process.release_ended(street.records, project_id=name, at=at)
        else:
            process.release_exposure(street.records, project_id=name, at=at)
        standing = process.exposure_of(street.records, partner_id="P-A", programme="comfort", at=at)
        assert standing.sum <= standing.cap
        assert len({one.project_id for one in standing.extended}) == len(standing.extended)


# --- pausing and ending ------------------------------------------------------------------------


@pytest.mark.rule("F13")
def test_a_clawback_that_is_there_is_paused_with_the_grant(street):
    street.clawback()
    request = street.ask(at=et(date(2027, 4, 2)))
    assert not street.is_paused(), "asking pauses nothing"
    granted = street.grant(request, at=et(date(2027, 4, 5)))
    assert street.is_paused()
    release = [
        process.release_ended(street.records, project_id="PRJ-1", at=at)
        for at in (et(granted.until, 23, 59), et(granted.until + timedelta(1), 0, 0))
    ]
    assert release == [False, True]
    assert not street.is_paused()
    assert street.exposed() == []
    assert not process.release_ended(
        street.records, project_id="PRJ-1", at=et(granted.until + timedelta(2))
    )


@pytest.mark.rule("F13")
def test_a_clawback_that_came_at_the_same_moment_is_paused_soon_after(street):
    granted = street.grant(street.ask(), at=et(date(2027, 4, 1)))
    street.clawback()
    timer = street.records.timers[f"extension-check-{granted.id}"]
    assert timer.due_at - et(date(2027, 4, 1)) == timedelta(minutes=1)
    for _ in range(2):
        process.wake_extension(street.records, timer=timer, at=timer.due_at)
    assert street.is_paused()
    paused = [one for one in street.records.history("DED-PRJ-1") if one.what == "deduction_paused"]
    assert len(paused) == 1


def test_a_clawback_of_an_m1_before_stays_as_it_is(street):
    street.clawback(at=M1_AT - timedelta(days=1))
    street.grant(street.ask())
    assert not street.is_paused()


def test_a_second_grant_moves_the_end(street):
    street.clawback()
    at = et(date(2027, 4, 5))
    first = street.grant(street.ask(at=at), at=at)
    second = street.grant(street.ask(reason="customer_escalation", at=at), at=at)
    timer = street.records.timers["extension-ended-PRJ-1"]
    assert timer.due_at == et(second.until + timedelta(1), 0, 0)
    process.wake_extension(street.records, timer=timer, at=et(first.until + timedelta(1)))
    assert street.is_paused()


@pytest.mark.parametrize(
    "changes",
    [
        {"cancelled": True},
        {"reached": ()},
        {"reached": ((Milestone.M1, M1_AT), (Milestone.M2, DECIDED))},
    ],
    ids=["cancelled", "revoked", "activated"],
)
def test_a_project_that_waits_no_more_counts_no_more(street, changes):
    street.grant(street.ask())
    street.change(**changes)
    assert process.release_exposure(street.records, project_id="PRJ-1", at=DECIDED)
    assert not process.release_exposure(street.records, project_id="PRJ-1", at=DECIDED)
    assert street.exposed() == []
    assert "extension-ended-PRJ-1" not in street.records.timers
    assert not process.release_ended(street.records, project_id="PRJ-1", at=DECIDED)


def test_releasing_wins_a_race_in_the_end(street):
    street.grant(street.ask())

    class Rivals(MemoryRecords):
        left = 2

        def commit(self, change):
            if self.left:
                self.left -= 1
                raise Conflict
            super().commit(change)

    rivals = Rivals()
    rivals._records = dict(street.records._records)
    assert process.release_exposure(rivals, project_id="PRJ-1", at=DECIDED)
    rivals = Rivals()
    rivals._records, rivals.left = dict(street.records._records), 9
    with pytest.raises(Conflict):
        process.release_exposure(rivals, project_id="PRJ-1", at=DECIDED)


# --- the alarm ---------------------------------------------------------------------------------


@pytest.mark.rule("F12")
def test_a_late_decision_is_told_once_and_decides_nothing(street):
    request = street.ask()
    timer = street.records.timers[f"extension-due-{request.id}"]

    def wake(at):
        process.wake_extension(street.records, timer=timer, at=at, operations="ops@x.example")
        return [one for one in street.records.letters.values() if one.to == "ops@x.example"]

    assert wake(et(request.decision_due_date, 23, 59)) == []
    assert len(wake(timer.due_at)) == 1
    assert len(wake(timer.due_at + timedelta(days=1))) == 1
    assert process.load_request(street.records, request.id).record.state is RequestState.PENDING
    assert street.grant(request, at=timer.due_at).state is RequestState.APPROVED


def test_no_alarm_for_what_was_decided(street):
    request = street.ask()
    timer = street.records.timers[f"extension-due-{request.id}"]
    street.grant(request)
    process.wake_extension(street.records, timer=timer, at=timer.due_at)
    events = [one.what for one in street.records.history(request.id)]
    assert "extension_overdue" not in events


def test_another_timer_is_not_ours(street):
    request = street.ask()
    timer = replace(street.records.timers[f"extension-due-{request.id}"], wakes="ntp_due")
    with pytest.raises(BadInput, match="none of the extensions'"):
        process.wake_extension(street.records, timer=timer, at=ASKED)
