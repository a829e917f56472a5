"""Handing the bank file over, once: what is not sure is asked, never sent again blindly."""

import hashlib
from dataclasses import replace
from datetime import datetime

from cloud.funding.models import FundingRun, PaymentTrace, RunState
from cloud.funding.policy import D40
from cloud.funding.ports import Bank
from cloud.funding.process.prenoting import note_questions
from cloud.funding.process.run import RUN, load_run, references_of
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import Change, Event, Letter, Message
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, BrokenInvariant, Unavailable
from cloud.kernel.ports import Documents, Records, Stored

SEND = "run_send"
"""Topic of the message on which a file is handed to the bank."""
_HANDED_OVER = frozenset({RunState.SENDING, RunState.SENT, RunState.SETTLED})


def order_sending(records: Records, *, run_id: str, by: str, at: datetime) -> FundingRun | Refused:
    """Ask for a run's file to be handed to the bank; whoever approved it does not (D40).

    Asked again it is ordered again, and sent once all the same.
    """
    stored = load_run(records, run_id)
    run = stored.record
    if run.state in _HANDED_OVER:
        return run
    if run.state is not RunState.FILED or not references_of(run):
        return Refused("D40", f"run {run_id} is {run.state}: there is no file to send", "conflict")
    refused = refuse_own_run(run, by)
    if refused is not None:
        return refused
    event = Event(run_id, "sending_ordered", at, by, "D40", says=f"{by} sends the file of {run_id}")
    # What was delivered keeps its name: an order that was lost is given again under another.
    name = f"run-send-{run_id}-{at.isoformat()}"
    message = Message(name, SEND, {"run_id": run_id, "by": by}, at)
    records.commit(Change(events=(event,), messages=(message,), relies_on=(stored.relied_on(),)))
    return run


def send(
    records: Records,
    documents: Documents,
    bank: Bank,
    *,
    run_id: str,
    operations: str,
    by: str,
    at: datetime,
) -> FundingRun:
    """Hand a run's files to the bank, once (D40).

    That it is being handed over is on record before the first byte leaves. Found in that state
    again, after a crash or a broken line, nothing is sent: the bank is asked whether it has the
    file, and a person at `operations` where it does not say so.

    Raises:
        BrokenInvariant: the file that is kept is not the one that was approved.
    """
    stored = load_run(records, run_id)
    run = stored.record
    if run.state in {RunState.SENT, RunState.SETTLED}:
        return run
    if run.state not in {RunState.FILED, RunState.SENDING} or not references_of(run):
        msg = f"sending the file of run {run_id}: it is {run.state}, there is no file to send"
        raise BadInput(msg)
    files = _files(documents, run)
    if run.state is RunState.SENDING:
        return _asked(records, bank, stored, files, operations=operations, at=at)
    sending = replace(run, state=RunState.SENDING)
    says = f"{by} hands the file of {run_id} to the bank"
    event = Event(run_id, "run_sending", at, by, "D40", says=says)
    records.commit(Change(saves=(stored.replaced_by(sending),), events=(event,)))
    for name, content in files.items():
        begun = load_run(records, run_id)
        try:
            bank.deliver(name, content)
        except Unavailable:
            return _asked(records, bank, begun, files, operations=operations, at=at)
        taken = replace(begun.record, delivered=(*begun.record.delivered, name))
        records.commit(Change(saves=(begun.replaced_by(taken),)))
    begun = load_run(records, run_id)
    return _sent(records, begun, by=by, at=at, says=f"the bank has the file of {run_id}")


def _files(documents: Documents, run: FundingRun) -> dict[str, bytes]:
    """Give what is still to be handed over, by the name that the bank sees."""
    files = {
        name: documents.get(one)
        for one in references_of(run)
        if (name := one.rsplit("/", 1)[-1]) not in run.delivered
    }
    paying = documents.get(run.file_reference) if run.file_reference else b""
    if run.file_reference and hashlib.sha256(paying).hexdigest() != run.file_sha256:
        msg = f"run {run.id}: {run.file_reference} is not the file that was made; nothing was sent"
        raise BrokenInvariant(msg)
    return files


def _asked(
    records: Records,
    bank: Bank,
    stored: Stored[FundingRun],
    files: dict[str, bytes],
    *,
    operations: str,
    at: datetime,
) -> FundingRun:
    """Ask the bank whether it has all files, and a person when it does not say so."""
    run = stored.record
    files = {name: content for name, content in files.items() if name not in run.delivered}
    try:
        has_all = all(bank.holds(name, content) for name, content in files.items())
    except Unavailable:
        has_all = False
    if has_all:
        return _sent(records, stored, by=RUN, at=at, says=f"the bank holds the file of {run.id}")
    says = f"nobody knows whether the bank has the file of {run.id}"
    event = Event(run.id, "sending_unsure", at, RUN, "D40", says=says)
    names = ", ".join(files)
    letter = Letter(
        id=f"unsure-{run.id}-{stored.version}",
        to=operations,
        subject=f"Ask the bank about {run.id} before anything is sent again",
        text=(
            f"The file of {run.id} ({names}, {run.net}, for {run.funding_date.isoformat()}) was "
            "being handed to the bank, and the line broke or the process ended. It is not sent "
            "again by itself.\n\nAsk the bank whether it has the file. Then say so: treasury "
            f"answers POST /ops/runs/{run.id}/sent, or /not_sent with the bank's words, after "
            "which it can be sent."
        ),
        thread=run.id,
        at=at,
    )
    records.commit(Change(events=(event,), letters=(letter,)))
    return run


def mark_sent(records: Records, *, run_id: str, by: str, at: datetime) -> FundingRun | Refused:
    """Note that the bank has the file, as a person was told by it, or carried it there (D40).

    Raises:
        BadInput: there is no file that could have been sent.
    """
    stored = load_run(records, run_id)
    run = stored.record
    if run.state in {RunState.SENT, RunState.SETTLED}:
        return run
    if run.state not in {RunState.FILED, RunState.SENDING} or not references_of(run):
        msg = f"run {run_id} is {run.state}: there is no file that could be sent"
        raise BadInput(msg)
    refused = refuse_own_run(run, by)
    if refused is not None:
        return refused
    return _sent(records, stored, by=by, at=at, says=f"the bank has the file of {run_id}")


def mark_not_sent(
    records: Records, *, run_id: str, because: str, by: str, at: datetime
) -> FundingRun | Refused:
    """Note that the bank never got the file, in its own words; it may be sent again (D40).

    It is said of the files that are doubted: one that the bank took stays taken. Of a run that is
    sent it is said of all, as where a bank refuses a file an hour later, as long as nothing of the
    run was settled or came back.
    """
    stored = load_run(records, run_id)
    run = stored.record
    if run.state is RunState.FILED:
        return run
    if run.state not in {RunState.SENDING, RunState.SENT}:
        return Refused("D40", f"run {run_id} is {run.state}: it is not doubted", "conflict")
    refused = refuse_own_run(run, by)
    if refused is not None:
        return refused
    if not because.strip():
        return Refused("D40", "sending again says what the bank answered", "reason_missing")
    lines = [one.record for one in records.find(PaymentTrace, by="run_id", value=run_id)]
    if any(one.return_code or one.settled_at for one in lines):
        told = f"the bank paid or sent back some of run {run_id}, so it has the file"
        return Refused("D40", told, "conflict")
    kept = run.delivered if run.state is RunState.SENDING else ()
    back = replace(run, state=RunState.FILED, sent_at=None, delivered=kept)
    says = f"the bank never got the file of {run_id}: {because.strip()}"
    event = Event(run_id, "run_not_sent", at, by, "D40", says=says)
    records.commit(Change(saves=(stored.replaced_by(back),), events=(event,)))
    return back


def refuse_own_run(run: FundingRun, by: str) -> Refused | None:
    """Refuse what the bank did by the word of who prepared or approved the run (D40)."""
    if D40.on(eastern_day(run.cut_off_at)) > 1 and by in {run.approver, run.preparer}:
        because = f"{by} prepared or approved run {run.id}, so somebody else says what the bank did"
        return Refused(D40.id, because, "maker_is_checker")
    return None


def _sent(
    records: Records, stored: Stored[FundingRun], *, by: str, at: datetime, says: str
) -> FundingRun:
    sent = replace(stored.record, state=RunState.SENT, sent_at=at)
    event = Event(sent.id, "run_sent", at, by, "F04", says=says)
    # Before the run says so: interrupted here, it is found sending, and all of it is done again.
    note_questions(records, sent, at=at)
    records.commit(Change(saves=(stored.replaced_by(sent),), events=(event,)))
    return sent
