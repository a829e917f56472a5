"""Files that come from the bank: payments that came back, details that it corrected."""

import hashlib
from dataclasses import replace
from datetime import datetime

from cloud.funding import ach
from cloud.funding.models import (
    BankEntry,
    BankFileTaken,
    PaymentTrace,
    PrenoteTrace,
    RunPlan,
)
from cloud.funding.process.lines import BANK_FILE_TYPE
from cloud.funding.process.settlement import BANK, return_payment
from cloud.funding.returns import FOR_PERSONS, ReturnAction, judge_prenote_return, misfit
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import NEW, Change, Event, Letter, Message, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput
from cloud.kernel.ids import derived
from cloud.kernel.money import ZERO
from cloud.kernel.ports import Documents, Records, Stored, require
from cloud.portfolio import process as portfolio
from cloud.portfolio.models import AccountKind
from cloud.portfolio.policy import TWO_PEOPLE

CAME = "bank_file"
"""Topic of the message on which a file of the bank's is worked through."""


def keep_bank_file(
    records: Records, documents: Documents, *, content: bytes, at: datetime, by: str
) -> BankFileTaken:
    """Take a file of the bank's in, whole; the same file again is the same (D04).

    It is worked through on a message, by whoever holds the key of the accounts, once a second
    person agreed that it is the bank's (D09): 94 columns are easily typed. Agreed to again before
    it was worked through, that is asked for again.

    Raises:
        BadInput: it contradicts itself; the message names the line and the Nacha field.
    """
    found = ach.read_returns(content)
    sha = hashlib.sha256(content).hexdigest()
    taken = BankFileTaken(derived("BF", sha), f"ach/in/{sha}.ach", by, at, count=len(found.entries))
    known = records.load(BankFileTaken, taken.id)
    if known is not None:
        return known.record
    documents.put(taken.reference, content, BANK_FILE_TYPE)
    says = f"{by} brought a file of the bank's with {len(found.entries)} entries"
    event = Event(taken.id, "bank_file_came", at, by, "D04", says=says)
    records.commit(Change(saves=(Save(taken, NEW),), events=(event,)))
    return taken


def agree_bank_file(
    records: Records, *, file_id: str, at: datetime, by: str
) -> BankFileTaken | Refused:
    """Agree as a second person that a file is the bank's; it is then worked through (D09)."""
    stored = require(records.load(BankFileTaken, file_id), "bank file", file_id)
    taken = stored.record
    if len({taken.by, by}) < TWO_PEOPLE.on(eastern_day(at)):
        because = f"{by} brought file {file_id}, so somebody else says that it is the bank's"
        return Refused(TWO_PEOPLE.id, because, "maker_is_checker")
    if taken.done or not taken.count:
        return taken
    if taken.agreed_by:
        records.commit(Change(messages=(_wanted(taken, at),)))
        return taken
    after = replace(taken, agreed_by=by)
    says = f"{taken.by} brought file {file_id}, and {by} agrees that it is the bank's"
    event = Event(file_id, "bank_file_agreed", at, by, TWO_PEOPLE.id, says=says)
    saves = (stored.replaced_by(after),)
    records.commit(Change(saves=saves, events=(event,), messages=(_wanted(after, at),)))
    return after


def _wanted(taken: BankFileTaken, at: datetime) -> Message:
    """Ask for a file to be worked through; an order that was lost is given under another name."""
    return Message(derived("MSG", taken.id, at.isoformat()), CAME, {"file_id": taken.id}, at)


def bank_file(records: Records, file_id: str) -> BankFileTaken:
    """Give a file of the bank's and what became of its entries.

    Raises:
        NotFound: no file of that id came.
    """
    return require(records.load(BankFileTaken, file_id), "bank file", file_id).record


def take_bank_file(
    records: Records,
    documents: Documents,
    *,
    file_id: str,
    company: str,
    operations: str,
    at: datetime,
) -> BankFileTaken:
    """Do what each entry of a file asks for: money back, details corrected, accounts blocked (D04).

    Each entry is done once, however often the file is worked through. What is not understood stays
    for a person, who is told at the address of operations, and so does all of a file that speaks
    of another company's payments than ours.

    Raises:
        BadInput: nobody else agreed yet that it is the bank's.
    """
    stored: Stored[BankFileTaken] = require(
        records.load(BankFileTaken, file_id), "bank file", file_id
    )
    if stored.record.done or not stored.record.count:
        return stored.record
    if not stored.record.agreed_by:
        msg = f"working through bank file {file_id}: a second person has not agreed to it yet"
        raise BadInput(msg)
    found = ach.read_returns(documents.get(stored.record.reference))
    entries = found.entries
    is_ours = found.companies == {company}
    actions = [
        _done(records, one, file_id=file_id, at=at) if is_ours else ReturnAction.OTHER_COMPANY
        for one in entries
    ]
    done = tuple(
        BankEntry(one.original_trace, one.code, str(action))
        for one, action in zip(entries, actions, strict=True)
    )
    for_persons = [one for one, action in zip(done, actions, strict=True) if action in FOR_PERSONS]
    after = replace(stored.record, done=done, needs_person=bool(for_persons))
    says = f"{len(done)} entries were done, {len(for_persons)} of them wait for a person"
    event = Event(file_id, "bank_file_done", at, BANK, "D04", says=says)
    letters = (_letter(after, for_persons, operations, at),) if for_persons else ()
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,), letters=letters))
    return after


def _done(
    records: Records, entry: ach.ReturnedEntry, *, file_id: str, at: datetime
) -> ReturnAction:
    """Do what one entry asks for; its original trace number says what it is about."""
    kind = ach.kind_of_trace(entry.original_trace)
    if kind is ach.FileKind.REVERSALS:
        return ReturnAction.REVERSAL_RETURNED
    if kind is ach.FileKind.PRENOTES:
        return _of_question(records, entry, at=at)
    return _of_payment(records, entry, file_id=file_id, at=at)


def _of_payment(
    records: Records, entry: ach.ReturnedEntry, *, file_id: str, at: datetime
) -> ReturnAction:
    """Take a payment back, or have its details put right (D04)."""
    found = records.load(PaymentTrace, entry.original_trace)
    wrong = misfit(entry, sent=found.record.amount if found else None)
    if found is None or wrong is not None:
        return wrong or ReturnAction.UNKNOWN_TRACE
    line = found.record
    verdict = return_payment(records, trace_number=line.id, code=entry.code, at=at, file_id=file_id)
    if verdict.action is not ReturnAction.APPLY_NOC:
        return verdict.action
    plan = require(records.load(RunPlan, line.plan_id), "plan", line.plan_id).record
    version = plan.bank_details_version
    return _corrected(records, entry, line.partner_id, bank_details_version=version, at=at)


def _of_question(records: Records, entry: ach.ReturnedEntry, *, at: datetime) -> ReturnAction:
    """Pay nothing to an account that the bank says no to, or have it put right (D11)."""
    found = records.load(PrenoteTrace, entry.original_trace)
    wrong = misfit(entry, sent=ZERO if found else None)
    if found is None or wrong is not None:
        return wrong or ReturnAction.UNKNOWN_TRACE
    line = found.record
    verdict = judge_prenote_return(entry.code, on=eastern_day(at))
    version = line.bank_details_version
    if verdict.action is ReturnAction.APPLY_NOC:
        says = f"the bank corrects the account of partner {line.partner_id}: {entry.code}"
        told = Event(line.id, "change_notified", at, BANK, "D04", (line.partner_id,), says)
        records.commit(Change(events=(told,)))
        return _corrected(records, entry, line.partner_id, bank_details_version=version, at=at)
    if verdict.blocks_account:
        portfolio.block_account(
            records,
            partner_id=line.partner_id,
            code=entry.code,
            at=at,
            bank_details_version=version,
        )
        if not line.return_code:
            said = replace(line, return_code=entry.code)
            records.commit(Change(saves=(found.replaced_by(said),)))
    return verdict.action


def _corrected(
    records: Records,
    entry: ach.ReturnedEntry,
    partner_id: str,
    *,
    bank_details_version: int,
    at: datetime,
) -> ReturnAction:
    """Take over what the bank says is right, where it can be read without doubt (P-86).

    It is right for the bank details that the entry went to, and for no later ones.
    """
    data = entry.corrected_data
    right = ach.corrected(entry.code, data, on=eastern_day(at)) if data else None
    if right is None:
        return ReturnAction.CORRECTION_UNCLEAR
    after = portfolio.apply_notification_of_change(
        records,
        partner_id=partner_id,
        code=entry.code,
        at=at,
        routing_number=right.routing_number or "",
        account_number=right.account_number,
        account_kind=AccountKind(right.account_kind) if right.account_kind else None,
        bank_details_version=bank_details_version,
    )
    is_refused = isinstance(after, Refused)
    return ReturnAction.CORRECTION_UNCLEAR if is_refused else ReturnAction.CORRECTED


def _letter(
    taken: BankFileTaken, entries: list[BankEntry], operations: str, at: datetime
) -> Letter:
    lines = [f"  {one.trace_number}  {one.code}  {one.action}" for one in entries]
    return Letter(
        id=f"bank-file-{taken.id}",
        to=operations,
        subject=f"{len(entries)} of {taken.count} entries of the bank wait for a person",
        text="\n".join(
            [
                f"The bank's file {taken.id} holds entries that nothing is done about by itself:",
                "",
                *lines,
                "",
                f"Look at GET /ops/bank_files/{taken.id}, ask the bank where the trace number is "
                "not ours, and correct details with POST /ops/partners/ID/bank_changes.",
            ]
        ),
        thread=taken.id,
        at=at,
    )
