"""Bank details: two people, a hold of 72 hours, what the bank corrects; no account shows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.adapters.codec import Codec
from cloud.adapters.memory import MemoryRecords
from cloud.kernel.change import Change, Save, Timer
from cloud.kernel.errors import BadInput, BrokenInvariant, Conflict, NotFound
from cloud.kernel.routing import is_routing_number
from cloud.kernel.secret import Sealed, Secret
from cloud.portfolio import process
from cloud.portfolio.models import AccountKind, Partner, Prenote
from cloud.portfolio.papers import (
    BankChange,
    BankChangeState,
    DocumentKind,
    DocumentState,
    PartnerDocument,
    takes_effect,
    wrong_bank_details,
)
from tests.cloud.portfolio.test_portfolio import NOW, PARTNER

HOUR = timedelta(hours=1)
OLD, NEW = "000123456787", "555666777888"
ROUTING = "011401533"
ON = NOW.date()


@pytest.fixture
def records():
    kept = MemoryRecords()
    partner = replace(
        PARTNER, routing_number="021000021", account_number=Secret(OLD), bank_account_blocked=True
    )
    kept.commit(Change(saves=(Save(partner),)))
    send(kept, "old", DocumentState.ON_FILE)
    send(kept, "new")
    return kept


def send(records, name, state=DocumentState.WAITING, **more):
    facts = {"partner_id": "partner-1", "kind": DocumentKind.BANK_AUTHORIZATION, **more}
    made = PartnerDocument(
        name, reference=f"e/{name}", recorded_at=NOW, recorded_by="x", state=state, **facts
    )
    records.commit(Change(saves=(Save(made),)))


def paper(records, name) -> PartnerDocument:
    return records.load(PartnerDocument, name).record


def everything(records):
    return (
        dict(records._records),
        {name: tuple(log) for name, log in records._history.items()},
        dict(records.letters),
        dict(records.timers),
    )


def ask(records, account=NEW, by="ana", at=NOW, **more):
    facts = {
        "partner_id": "partner-1",
        "routing_number": ROUTING,
        "authorization_id": "new",
        **more,
    }
    return process.ask_bank_change(records, account_number=Secret(account), at=at, by=by, **facts)


def agree(records, change, by="bob", at=NOW + HOUR):
    return process.agree_bank_change(records, change_id=change.id, at=at, by=by)


def apply(records, change, at):
    return process.apply_bank_change(records, change_id=change.id, at=at)


def partner_now(records) -> Partner:
    return records.load(Partner, "partner-1").record


# ---------------------------------------------------------------------- their form
@pytest.mark.rule("P-85")
@pytest.mark.parametrize(
    ("routing", "is_one"),
    [
        ("021000021", True), ("011401533", True), ("091000019", True),
        ("021000022", False), ("02100002", False), ("0210000210", False),
        ("", False), ("02100002\n", False), ("٠٢١٠٠٠٠٢١", False), ("000000000", False),
    ],
)  # fmt: skip
def test_which_numbers_may_be_a_bank_s(routing, is_one):
    assert is_routing_number(routing) is is_one


@given(st.from_regex(r"\A[0-9]{8}\Z"), st.integers(0, 8), st.integers(1, 9))
@pytest.mark.rule("P-85")
def test_one_digit_that_is_misread_is_noticed(first, place, by):
    whole = (
        next(f"{first}{digit}" for digit in range(10) if is_routing_number(f"{first}{digit}"))
        if first.strip("0")
        else "021000021"
    )
    wrong = list(whole)
    wrong[place] = str((int(wrong[place]) + by) % 10)
    assert not is_routing_number("".join(wrong))


@pytest.mark.rule("P-85")
@pytest.mark.parametrize(
    ("account", "is_good"),
    [
        ("1234", True), ("1" * 17, True), ("12-34A", True),
        ("123", False), ("1" * 18, False), ("12 34", False), ("12,34", False), ("١٢٣٤", False),
        ("1234\n", False), ("", False),
    ],
)  # fmt: skip
def test_which_accounts_fit_the_bank_s_file(account, is_good):
    wrong = wrong_bank_details(routing_number=ROUTING, account_number=Secret(account), on=ON)
    assert (wrong is None) is is_good
    if wrong is not None and account.strip():
        assert account not in wrong.because


@pytest.mark.rule("P-85")
def test_what_is_no_account_is_not_asked_for(records):
    before = everything(records)
    assert ask(records, account="12 34").code == "invalid_account_number"
    assert ask(records, routing_number="021000022").code == "invalid_routing_number"
    assert everything(records) == before
    with pytest.raises(NotFound):
        ask(records, partner_id="partner-9")


# ---------------------------------------------------------------------- two people and a hold
@pytest.mark.rule("P-81")
def test_asking_changes_nothing_and_warns_the_old_addresses(records):
    before = partner_now(records)
    change = ask(records)
    assert partner_now(records) == before
    assert {one.to for one in records.letters.values()} == {
        "service@partner.example",
        "pay@partner.example",
    }
    for letter in records.letters.values():
        assert "ends in 7888" in letter.text
        assert "was not you" in letter.text
    seen = everything(records)
    assert ask(records, at=NOW + HOUR) == change
    assert everything(records) == seen
    assert ask(records, account="999999").code == "change_waits"
    assert ask(records, by="eve").code == "change_waits"
    assert ask(records, account_kind=AccountKind.SAVINGS).code == "change_waits"
    send(records, "newer")
    assert ask(records, authorization_id="newer").code == "change_waits"


@pytest.mark.rule("P-81")
def test_an_account_that_ends_alike_is_another(records):
    ask(records, account="111122227888")
    seen = everything(records)
    again = ask(records, account="999922227888")
    assert (again.rule, again.code) == ("P-81", "change_waits")
    assert everything(records) == seen


@pytest.mark.rule("F05")
@pytest.mark.parametrize(
    ("document", "code"),
    [
        pytest.param("old", "authorization_not_new", id="for the account that is paid"),
        pytest.param("refused", "authorization_not_new", id="refused"),
        pytest.param("announced", "authorization_not_new", id="not sent yet"),
        pytest.param("w9", "authorization_missing", id="another kind"),
        pytest.param("theirs", "authorization_missing", id="of another partner"),
        pytest.param("none", "authorization_missing", id="none"),
        pytest.param("", "authorization_missing", id="nothing named"),
    ],
)
def test_new_details_need_an_authorization_of_their_own(records, document, code):
    send(records, "refused", DocumentState.REFUSED)
    send(records, "announced", DocumentState.ANNOUNCED)
    send(records, "w9", kind=DocumentKind.W9)
    send(records, "theirs", partner_id="partner-2")
    seen = everything(records)
    assert ask(records, authorization_id=document).code == code
    assert everything(records) == seen


@pytest.mark.rule("F05")
def test_at_effect_the_new_authorization_takes_the_place_of_the_old(records):
    before = paper(records, "old")
    change = agree(records, ask(records))
    assert (paper(records, "old"), paper(records, "new").is_on_file) == (before, False)
    send(records, "w9", DocumentState.ON_FILE, kind=DocumentKind.W9)
    apply(records, change, NOW + 99 * HOUR)
    old, new = paper(records, "old"), paper(records, "new")
    assert (old.state, old.withdrawn_at) == (DocumentState.WITHDRAWN, NOW + 99 * HOUR)
    assert (new.state, new.task, new.reviewed_by) == (DocumentState.ON_FILE, "", "bob")
    assert paper(records, "w9").is_on_file
    assert partner_now(records).bank_authorization_on_file
    assert not partner_now(records).bank_account_blocked


@pytest.mark.rule("F05")
def test_a_change_whose_authorization_went_is_stopped(records):
    def withdraw(name):
        process.withdraw_partner_document(
            records, document_id=name, because="not ours", at=NOW, by="rm"
        )

    first = ask(records)
    process.refuse_document(records, document_id="new", because="blurred", at=NOW, by="ana")
    assert agree(records, first).code == "authorization_missing"
    process.withdraw_bank_change(records, change_id=first.id, because="again", at=NOW, by="client")
    send(records, "newer")
    change = agree(records, ask(records, authorization_id="newer"))
    withdraw("newer")
    before = partner_now(records)
    stopped = apply(records, change, NOW + 99 * HOUR)
    assert (stopped.state, stopped.ended_by) == (BankChangeState.REJECTED, "bank_change_due")
    assert apply(records, change, NOW + 100 * HOUR) == stopped
    assert partner_now(records) == before
    assert paper(records, "old").is_on_file


@pytest.mark.rule("P-81")
def test_a_lost_message_is_told_again(records):
    def tell(at):
        return process.tell_bank_change_due(records, change_id=change.id, at=at, by="ana")

    change = ask(records)
    assert tell(NOW).code == "conflict"
    change = agree(records, change)
    assert tell(change.takes_effect_at - HOUR / 3600).code == "hold_not_over"
    (timer,) = records.timers.values()
    process.wake(records, timer=timer, at=timer.due_at)
    assert len(records.messages) == 1
    later = change.takes_effect_at + HOUR
    assert tell(later) == change
    assert tell(later) == change
    assert {one.body["change_id"] for one in records.messages.values()} == {change.id}
    assert len(records.messages) == 2, "the first one was delivered, and its row is kept"
    done = apply(records, change, later)
    assert tell(later + HOUR) == done
    assert len(records.messages) == 2


@pytest.mark.rule("P-81")
@pytest.mark.rule("D09")
def test_another_person_agrees_and_the_details_count_after_72_hours(records):
    change = ask(records)
    assert agree(records, change, by="ana").code == "maker_is_checker"
    agreed = agree(records, change)
    counts = NOW + HOUR + timedelta(hours=72)
    assert (agreed.state, agreed.takes_effect_at) == (BankChangeState.AGREED, counts)
    seen = everything(records)
    assert agree(records, change, at=NOW + 9 * HOUR) == agreed
    assert everything(records) == seen
    assert agree(records, change, by="eve").code == "conflict"
    (timer,) = records.timers.values()
    assert (timer.wakes, timer.due_at, timer.subject) == ("bank_change_due", counts, change.id)
    early = apply(records, change, counts - timedelta(microseconds=1))
    assert (early.rule, early.code) == ("P-81", "hold_not_over")
    assert partner_now(records).account_number == Secret(OLD)
    done = apply(records, change, counts)
    assert done.state is BankChangeState.EFFECTIVE
    after = partner_now(records)
    assert (after.routing_number, after.account_number) == (ROUTING, Secret(NEW))
    assert (after.bank_details_version, after.bank_account_blocked) == (2, False)
    assert (after.prenote, after.prenote_sent_on) == (Prenote.DUE, None)
    seen = everything(records)
    assert apply(records, change, counts + HOUR) == done
    assert agree(records, change) == done
    assert everything(records) == seen
    assert len(records.letters) == 6
    (effective, *_) = [
        one for one in records.history("partner-1") if one.what == "bank_change_effective"
    ]
    assert "new" in effective.causes


@pytest.mark.rule("P-81")
@pytest.mark.parametrize(
    ("agreed", "counts"),
    [
        pytest.param("2026-03-06T12:00", "2026-03-09T13:00", id="over the night that is short"),
        pytest.param("2026-10-30T12:00", "2026-11-02T11:00", id="over the night that is long"),
        pytest.param("2026-12-24T12:00", "2026-12-27T12:00", id="over holidays"),
    ],
)
def test_hours_of_the_hold_elapse(agreed, counts):
    eastern = ZoneInfo("America/New_York")
    begin = datetime.fromisoformat(agreed).replace(tzinfo=eastern)
    end = datetime.fromisoformat(counts).replace(tzinfo=eastern)
    assert takes_effect(begin) == end.astimezone(UTC)


@pytest.mark.rule("P-81")
@pytest.mark.parametrize("stops", [process.reject_bank_change, process.withdraw_bank_change])
@pytest.mark.parametrize("is_agreed", [False, True], ids=["asked", "agreed"])
def test_a_change_is_stopped_until_it_counts(records, stops, is_agreed):
    change = ask(records)
    if is_agreed:
        agree(records, change)
    facts = {"change_id": change.id, "at": NOW + 2 * HOUR, "by": "cleo"}
    assert stops(records, because=" ", **facts).code == "reason_missing"
    stopped = stops(records, because="it was not us", **facts)
    assert records.timers == {}
    seen = everything(records)
    assert stops(records, because="it was not us", **facts) == stopped
    assert apply(records, change, NOW + 999 * HOUR) == stopped
    assert everything(records) == seen
    assert partner_now(records).account_number == Secret(OLD)
    assert agree(records, change, by="dan").code == "conflict"
    again = ask(records, at=NOW + 3 * HOUR)
    assert again.id != change.id
    agree(records, again, at=NOW + 3 * HOUR)
    apply(records, again, NOW + 75 * HOUR)
    late = process.reject_bank_change(
        records, change_id=again.id, because="too late", at=NOW + 76 * HOUR, by="cleo"
    )
    assert late.code == "conflict"


@pytest.mark.rule("P-81")
def test_one_address_gets_one_letter():
    records = MemoryRecords()
    partner = replace(PARTNER, service_email=PARTNER.remittance_email.upper())
    records.commit(Change(saves=(Save(partner),)))
    send(records, "new")
    ask(records)
    assert len(records.letters) == 1


@pytest.mark.rule("P-81")
def test_of_two_who_ask_at_once_one_is_told_to_look_again(records):
    change = ask(records)
    with pytest.raises(Conflict):
        records.commit(Change(saves=(Save(replace(change, asked_by="eve")),)))


@pytest.mark.rule("P-81")
def test_the_timer_only_hands_over(records):
    change = agree(records, ask(records))
    (timer,) = records.timers.values()
    for hours in (74, 75):
        process.wake(records, timer=timer, at=NOW + hours * HOUR)
    (message,) = records.messages.values()
    assert (message.topic, message.body) == ("bank_change_due", {"change_id": change.id})
    assert partner_now(records).account_number == Secret(OLD)
    with pytest.raises(BadInput, match="not a change of bank details"):
        process.wake(records, timer=Timer("T", "x", "other", NOW), at=NOW)


@pytest.mark.rule("P-81")
def test_without_the_key_nothing_is_applied(records):
    change = agree(records, ask(records))
    locked = Secret(None, sealed=Sealed("text", "here", "7888"))
    stored = records.load(BankChange, change.id)
    records.commit(
        Change(saves=(stored.replaced_by(replace(stored.record, account_number=locked)),))
    )
    assert ask(records).code == "change_waits", "it cannot be compared here"
    before = everything(records)
    with pytest.raises(BrokenInvariant, match="locked"):
        apply(records, change, NOW + 999 * HOUR)
    assert everything(records) == before


@pytest.mark.rule("P-81")
def test_the_account_shows_nowhere(records):
    change = agree(records, ask(records))
    apply(records, change, NOW + 99 * HOUR)
    correct(records, account_number=Secret("888777666555"))
    text = repr(everything(records)) + repr(records.messages)
    for number in (OLD, NEW, "888777666555"):
        assert number not in text
    assert "ends in 6555" in text
    shut = Codec(sealer=Reversing()).to_text(change, about="BankChange#1")
    assert NEW not in shut
    locked = Codec(sealer=Reversing()).from_text(BankChange, shut, about="BankChange#1")
    assert (locked.account_number.is_locked, locked.account_number.last4) == (True, "7888")
    assert Codec(sealer=Reversing()).to_text(locked, about="BankChange#1") == shut


class Reversing:
    """Seals, and has no way to open."""

    def seal(self, plain, *, context):
        return f"{sorted(context.items())}{plain[::-1]}"


# ---------------------------------------------------------------------- what the bank says
def correct(records, code="C01", **more):
    return process.apply_notification_of_change(
        records, partner_id="partner-1", code=code, at=NOW, **more
    )


@pytest.mark.rule("P-86")
@pytest.mark.parametrize(
    ("code", "facts"),
    [
        pytest.param("C01", {"account_number": Secret(NEW)}, id="account"),
        pytest.param("c02 ", {"routing_number": ROUTING}, id="bank"),
        pytest.param(
            "C03", {"routing_number": ROUTING, "account_number": Secret(NEW)}, id="both of them"
        ),
        pytest.param("C05", {"account_kind": AccountKind.SAVINGS}, id="kind"),
    ],
)
def test_what_the_bank_corrects_counts_at_once(records, code, facts):
    before = partner_now(records)
    after = correct(records, code, **facts)
    assert after == replace(before, **facts, bank_details_version=2)
    assert len(records.letters) == 2
    seen = everything(records)
    assert correct(records, code, **facts, bank_details_version=1) == after
    assert everything(records) == seen


@pytest.mark.rule("P-86")
def test_what_a_person_looks_at_first(records):
    new = Secret(NEW)
    before = everything(records)
    assert correct(records, "C04", account_number=new).code == "manual"
    assert correct(records, routing_number="123456789").code == "invalid_routing_number"
    assert correct(records, account_number=Secret("1 2 3 4")).code == "invalid_account_number"
    stale = correct(records, account_number=new, bank_details_version=7)
    assert stale.code == "details_changed_since"
    with pytest.raises(BadInput, match="corrects nothing"):
        correct(records)
    assert everything(records) == before


def test_the_bank_is_asked_about_the_account_that_counts(records):
    apply(records, agree(records, ask(records)), NOW + 99 * HOUR)
    facts = {"partner_id": "partner-1", "at": NOW, "by": "run"}
    old = process.mark_prenote_sent(records, bank_details_version=1, on=ON, **facts)
    assert old.prenote is Prenote.DUE
    sent = process.mark_prenote_sent(records, bank_details_version=2, on=ON, **facts)
    assert (sent.prenote, sent.prenote_sent_on) == (Prenote.SENT, ON)
    later = process.mark_prenote_sent(
        records, bank_details_version=2, on=ON + timedelta(days=1), **facts
    )
    assert later == sent


def test_an_account_is_blocked_until_it_was_changed(records):
    change = agree(records, ask(records))
    apply(records, change, NOW + 99 * HOUR)
    facts = {"partner_id": "partner-1", "code": "R03", "at": NOW}
    old = process.block_account(records, bank_details_version=1, **facts)
    assert not old.bank_account_blocked
    blocked = process.block_account(records, bank_details_version=2, **facts)
    assert blocked.bank_account_blocked
    assert process.block_account(records, **facts) == blocked
