"""What the bank sends back is done once: money, corrected details, accounts it says no to."""

from datetime import UTC, datetime, timedelta

import pytest
from bank_replies import returns_for
from funding_world import AT, BANK, RUN_ID, Killed, World, partner

from cloud.funding import ach, process
from cloud.funding.models import BankFileTaken, FundingRun, Payable, PrenoteTrace
from cloud.kernel.errors import BadInput, NotFound
from cloud.kernel.secret import Secret
from cloud.portfolio.models import Partner, Prenote

OPERATIONS = "operations@owner.example"
LATE = datetime(2026, 12, 7, 7, 31, tzinfo=UTC)


def paid(*names: str, **changes) -> World:
    world = World([partner(name, **changes) for name in names])
    for number, name in enumerate(names):
        world.service(f"INV-{name}", 100_00 + number, name)
    world.run()
    sent(world)
    return world


def sent(world: World) -> FundingRun:
    return process.mark_sent(world.records, run_id=RUN_ID, by="tess", at=AT)


def sent_file(world: World) -> bytes:
    run = world.records.load(FundingRun, RUN_ID).record
    return world.documents.get(run.file_reference)


def traces(world: World) -> dict[str, str]:
    lines = ach.read(sent_file(world)).entries
    return {line.credit.identification: line.trace_number for line in lines}


def agree(world: World, kept: BankFileTaken, by="ada"):
    return process.agree_bank_file(world.records, file_id=kept.id, at=AT, by=by)


def work_through(world: World, kept: BankFileTaken, *, at=AT, company=None) -> BankFileTaken:
    return process.take_bank_file(
        world.records,
        world.documents,
        file_id=kept.id,
        company=company or BANK.company_identification,
        operations=OPERATIONS,
        at=at,
    )


def take(world: World, content: bytes, at=AT) -> BankFileTaken:
    kept = process.keep_bank_file(world.records, world.documents, content=content, at=at, by="tess")
    agree(world, kept)
    for _ in range(2):
        done = work_through(world, kept, at=at)
    again = process.keep_bank_file(
        world.records, world.documents, content=content, at=at + timedelta(days=1), by="bob"
    )
    assert again == done
    return done


@pytest.mark.rule("D04")
def test_a_file_of_returns_and_changes_is_done_entry_by_entry():
    world = paid("P-A", "P-B", "P-C", "P-D")
    numbers = traces(world)
    content = returns_for(
        sent_file(world),
        {numbers["P-A"]: "R03", numbers["P-B"]: "R06"},
        {numbers["P-C"]: ("C01", "998877"), numbers["P-D"]: ("C04", "ANOTHER NAME")},
    )
    done = take(world, content)
    actions = {one.trace_number: one.action for one in done.done}
    assert actions == {
        numbers["P-A"]: "new_bank_authorization_required",
        numbers["P-B"]: "manual_review",
        numbers["P-C"]: "details_corrected",
        numbers["P-D"]: "correction_manual_review",
    }
    back = world.records.find(Payable, by="state", value="open")
    assert {(one.record.partner_id, one.record.hold) for one in back} == {
        ("P-A", ""),
        ("P-B", "manual_review"),
    }
    assert world.records.load(Partner, "P-A").record.bank_account_blocked
    corrected = world.records.load(Partner, "P-C").record
    assert corrected.account_number.value == "998877"
    assert (corrected.bank_details_version, corrected.prenote) == (2, Prenote.NOT_NEEDED)
    (letter,) = [one for one in world.records.letters.values() if one.to == OPERATIONS]
    assert "2 of 4 entries" in letter.subject
    everything = letter.text + repr(done) + repr(world.records.history(numbers["P-C"]))
    assert "998877" not in everything


@pytest.mark.rule("D04")
def test_what_is_not_ours_or_of_another_amount_moves_nothing():
    world = paid("P-A")
    (trace,) = traces(world).values()
    good = returns_for(sent_file(world), {trace: "R03"}).decode()
    unknown = good.replace(trace, trace[:-4] + "0777")
    (entry,) = take(world, unknown.encode()).done
    assert entry.action == "unknown_trace_manual_review"
    other = sent_file(world).replace(b"0000010000P-A", b"0000010001P-A")
    assert other != sent_file(world)
    (entry,) = take(world, returns_for(other, {trace: "R03"})).done
    assert entry.action == "other_amount_manual_review"
    assert not world.records.find(Payable, by="state", value="open")
    assert not world.records.load(Partner, "P-A").record.bank_account_blocked


@pytest.mark.rule("D04")
def test_of_two_returns_of_one_payment_the_first_counts():
    world = paid("P-A")
    (trace,) = traces(world).values()
    take(world, returns_for(sent_file(world), {trace: "R06"}))
    (entry,) = take(world, returns_for(sent_file(world), {trace: "R03"})).done
    assert entry.action == "duplicate_ignored"
    (back,) = world.records.find(Payable, by="state", value="open")
    assert back.record.hold == "manual_review"
    assert not world.records.load(Partner, "P-A").record.bank_account_blocked
    (entry,) = take(world, returns_for(sent_file(world), {}, {trace: ("C01", "998877")})).done
    assert entry.action == "details_corrected", "a change is no second return"
    assert world.records.load(Partner, "P-A").record.account_number.value == "998877"


@pytest.mark.rule("D04")
def test_a_debit_that_names_a_payment_moves_nothing():
    world = paid("P-A")
    (trace,) = traces(world).values()
    good = returns_for(sent_file(world), {trace: "R03"}).decode().split("\n")
    taken = []
    for line in good:
        debit = line
        if line.startswith("5"):
            debit = "5225" + line[4:]
        elif line.startswith("6"):
            debit = "626" + line[3:]
        elif line.startswith("8"):
            debit = "8225" + line[4:20] + line[32:44] + line[20:32] + line[44:]
        elif line.startswith("9") and set(line) != {"9"}:
            debit = line[:31] + line[43:55] + line[31:43] + line[55:]
        taken.append(debit)
    (entry,) = take(world, "\n".join(taken).encode()).done
    assert entry.action == "unknown_trace_manual_review"
    assert not world.records.find(Payable, by="state", value="open")


@pytest.mark.rule("D04")
def test_what_the_bank_tells_of_a_payment_stands_in_its_log():
    world = paid("P-A", "P-B")
    numbers = traces(world)
    told = {numbers["P-B"]: "R61"}
    content = returns_for(sent_file(world), told, {numbers["P-A"]: ("C01", "998877")})
    done = {one.trace_number: one.action for one in take(world, content).done}
    assert done == {numbers["P-A"]: "details_corrected", numbers["P-B"]: "manual_review"}
    said = {name: [one.what for one in world.records.history(name)] for name in done}
    assert said == {numbers["P-A"]: ["change_notified"], numbers["P-B"]: ["return_disputed"]}


def test_a_damaged_file_is_refused_and_nothing_of_it_kept():
    world = paid("P-A")
    (trace,) = traces(world).values()
    good = returns_for(sent_file(world), {trace: "R03"})
    torn = good.replace(b"0000010000", b"0000010001", 1)
    with pytest.raises(BadInput, match="Total Credit Entry Dollar Amount"):
        process.keep_bank_file(world.records, world.documents, content=torn, at=AT, by="tess")
    assert not world.records.messages.keys() & {"bank_file"}
    with pytest.raises(NotFound, match="bank file BF-1"):
        process.bank_file(world.records, "BF-1")


@pytest.mark.rule("D11")
def test_a_new_account_is_asked_about_beside_the_run_and_paid_three_banking_days_later():
    world = World([partner("P-A"), partner("P-NEW", prenote=Prenote.DUE)])
    world.service("INV-1", 100_00)
    world.service("INV-2", 50_00, "P-NEW")
    run = world.run()
    asked = ach.read(world.documents.get(run.prenote_reference))
    assert [(one.credit.identification, one.credit.amount.cents) for one in asked.entries] == [
        ("P-NEW", 0)
    ]
    found = world.records.load(Partner, "P-NEW").record
    assert found.prenote is Prenote.DUE, "nothing was sent yet"
    sent(world)
    found = world.records.load(Partner, "P-NEW").record
    assert (found.prenote, found.prenote_sent_on) == (Prenote.SENT, run.funding_date)
    world.partners[1] = found
    monday = world.prepare(cutoff=LATE, at=LATE)
    assert monday.net.cents == 0
    wednesday = LATE + timedelta(days=2)
    assert world.run(cutoff=wednesday, at=wednesday).net.cents == 50_00


@pytest.mark.rule("D11")
def test_an_account_that_the_bank_says_no_to_is_not_paid():
    world = World([partner("P-A"), partner("P-NEW", prenote=Prenote.DUE)])
    world.service("INV-1", 100_00)
    run = world.run()
    sent(world)
    content = world.documents.get(run.prenote_reference)
    (line,) = world.records.find(PrenoteTrace, by="run_id", value=RUN_ID)
    (entry,) = take(world, returns_for(content, {line.record.id: "R04"})).done
    assert entry.action == "prenote_returned_account_blocked"
    assert world.records.load(Partner, "P-NEW").record.bank_account_blocked
    assert world.records.load(PrenoteTrace, line.record.id).record.return_code == "R04"


@pytest.mark.rule("D11")
@pytest.mark.parametrize(
    ("code", "amount", "action"),
    [
        pytest.param("R73", 0, "manual_review", id="a dispute of the banks says nothing of it"),
        pytest.param("R04", 7, "other_amount_manual_review", id="a question carries no money"),
    ],
)
def test_what_says_nothing_of_an_account_blocks_none(code, amount, action):
    world = World([partner("P-A"), partner("P-NEW", prenote=Prenote.DUE)])
    world.service("INV-1", 100_00)
    run = world.run()
    sent(world)
    (line,) = world.records.find(PrenoteTrace, by="run_id", value=RUN_ID)
    asked = world.documents.get(run.prenote_reference)
    asked = asked.replace(b"0000000000P-NEW", f"{amount:010d}P-NEW".encode())
    (entry,) = take(world, returns_for(asked, {line.record.id: code})).done
    assert entry.action == action
    assert not world.records.load(Partner, "P-NEW").record.bank_account_blocked
    assert not world.records.load(PrenoteTrace, line.record.id).record.return_code


@pytest.mark.rule("D11")
def test_a_correction_of_a_question_counts_for_that_account_only():
    world = World([partner("P-NEW", prenote=Prenote.DUE)])
    world.service("INV-1", 100_00)
    run = world.run()
    sent(world)
    content = world.documents.get(run.prenote_reference)
    (line,) = world.records.find(PrenoteTrace, by="run_id", value=RUN_ID)
    stored = world.records.load(Partner, "P-NEW")
    world.partners[0] = partner(
        "P-NEW", account_number=Secret("5555"), bank_details_version=2, prenote=Prenote.DUE
    )
    world.remember()
    assert stored.record.bank_details_version == 1
    answer = returns_for(content, {}, {line.record.id: ("C01", "998877")})
    (entry,) = take(world, answer).done
    assert entry.action == "correction_manual_review"
    assert world.records.load(Partner, "P-NEW").record.account_number.value == "5555"


@pytest.mark.rule("D11")
def test_what_was_sent_late_is_waited_for_from_that_day():
    world = World([partner("P-NEW", prenote=Prenote.DUE)])
    run = world.service("INV-1", 100_00) and world.run()
    late = datetime(2026, 12, 4, 15, 0, tzinfo=UTC)
    process.mark_sent(world.records, run_id=run.id, by="tess", at=late)
    found = world.records.load(Partner, "P-NEW").record
    assert str(found.prenote_sent_on) == "2026-12-07"


@pytest.mark.rule("D09")
def test_a_second_person_says_that_a_file_is_the_banks():
    world = paid("P-A")
    (trace,) = traces(world).values()
    content = returns_for(sent_file(world), {trace: "R03"})
    kept = process.keep_bank_file(world.records, world.documents, content=content, at=AT, by="tess")
    with pytest.raises(BadInput, match="a second person has not agreed"):
        work_through(world, kept)
    assert agree(world, kept, by="tess").code == "maker_is_checker"
    for hour in range(2):
        agreed = process.agree_bank_file(
            world.records, file_id=kept.id, at=AT + timedelta(hours=hour), by="ada"
        )
        assert agreed.agreed_by == "ada"
    wanted = [one for one in world.records.messages.values() if one.topic == "bank_file"]
    assert len(wanted) == 2, "an order that was lost is given again"
    done = work_through(world, kept, company="9999999999")
    assert [one.action for one in done.done] == ["other_company_manual_review"]
    assert done.needs_person
    assert not world.records.find(Payable, by="state", value="open")


@pytest.mark.rule("D04")
def test_a_file_that_was_interrupted_tells_the_same_when_it_goes_on():
    calm = paid("P-A", "P-B")
    numbers = traces(calm)
    codes = {numbers["P-A"]: "R23", numbers["P-B"]: "R03"}
    content = returns_for(sent_file(calm), codes)
    expected = take(calm, content)
    for writes in range(1, 30):
        world = paid("P-A", "P-B")
        kept = process.keep_bank_file(
            world.records, world.documents, content=content, at=AT, by="tess"
        )
        agree(world, kept)
        world.fuse(writes)
        try:
            work_through(world, kept)
        except Killed:
            world.fuse(-1)
            done = work_through(world, kept)
            assert (done.done, done.needs_person) == (expected.done, True)
            continue
        break
    assert writes > 3


@pytest.mark.rule("D04")
@pytest.mark.rule("D40")
def test_what_the_bank_does_not_have_cannot_come_back():
    world = World()
    world.service("INV-1", 100_00)
    world.run()
    (trace,) = traces(world).values()
    for code in ("R03", "R06"):
        verdict = process.return_payment(world.records, trace_number=trace, code=code, at=AT)
        assert (verdict.action, verdict.reversed.cents) == ("not_sent_manual_review", 0)
    assert not world.records.find(Payable, by="state", value="open")
    assert not world.records.load(Partner, "P-A").record.bank_account_blocked
