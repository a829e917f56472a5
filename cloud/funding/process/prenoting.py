"""Asking the bank about new accounts, in a file beside that of a run's payments."""

from datetime import datetime

from cloud.funding import ach
from cloud.funding.models import FundingRun, PrenoteTrace
from cloud.funding.process.lines import (
    BANK_FILE_TYPE,
    MOST_QUESTIONS,
    asking,
    file_of_day,
    receiver_name,
)
from cloud.funding.process.run import RUN
from cloud.funding.schedule import run_sequence
from cloud.kernel.calendar import DAY, eastern_day, next_banking_day
from cloud.kernel.change import Change, Save
from cloud.kernel.errors import NotFound
from cloud.kernel.ports import Documents, Records
from cloud.portfolio.models import Partner, Prenote
from cloud.portfolio.process import mark_prenote_sent


def ask_about_accounts(
    records: Records,
    documents: Documents,
    run: FundingRun,
    originator: ach.Originator,
) -> str:
    """Make the file that asks about the accounts pinned at the commit, and keep what it asks (D11).

    The first file that was kept stays, so that a second attempt asks the same. An account that
    changed since is not asked about, and waits for the next run.

    Returns:
        Where the file is kept; empty when there is nothing to ask.
    """
    reference = f"ach/{run.id}-prenotes.ach"
    try:
        content = documents.get(reference)
    except NotFound:
        asked = _asked(records, run)
        if not asked:
            return ""
        content = _file(run, originator, asked)
        documents.put(reference, content, BANK_FILE_TYPE)
    by_name = {
        receiver_name(partner_id): (partner_id, version) for partner_id, version in run.prenotes
    }
    for entry in ach.read(content).entries:
        partner_id, version = by_name[entry.credit.identification]
        line = PrenoteTrace(entry.trace_number, run.id, partner_id, version)
        _note(records, run, line)
    return reference


def _asked(records: Records, run: FundingRun) -> list[Partner]:
    found = records.load_all(Partner, [name for name, _ in run.prenotes])
    return [
        found[name].record
        for name, version in run.prenotes
        if name in found
        and found[name].record.prenote is Prenote.DUE
        and found[name].record.bank_details_version == version
    ]


def _file(run: FundingRun, originator: ach.Originator, asked: list[Partner]) -> bytes:
    sequence = run_sequence(run.regular_date, run.programme)
    first = ach.PLACES[ach.FileKind.PRENOTES].start + sequence // ach.BLOCK * MOST_QUESTIONS
    return ach.build_prenotes(
        originator,
        [asking(one) for one in asked],
        created_at=run.dated_at,
        effective_on=run.funding_date,
        run=run.id,
        sequence=sequence % ach.BLOCK,
        file_of_day=file_of_day(ach.FileKind.PRENOTES, sequence),
        first_place=first,
    )


def _note(records: Records, run: FundingRun, line: PrenoteTrace) -> None:
    """Put on record what is asked, so that the bank's answer is understood; once."""
    known = records.load(PrenoteTrace, line.id)
    if known is None or known.record.run_id != run.id:
        save = known.replaced_by(line) if known else Save(line)  # of a run a thousand runs ago
        records.commit(Change(saves=(save,)))


def note_questions(records: Records, run: FundingRun, *, at: datetime) -> None:
    """Note that the bank was asked about the accounts in a run's file, once it has the file (D11).

    The days until money may follow begin with the question's settlement: the run's own day, or
    where the file left later, the first banking day after that.
    """
    if not run.prenote_reference:
        return
    sent_on = eastern_day(at)
    is_late = sent_on > run.funding_date
    settles_on = next_banking_day(sent_on + DAY) if is_late else run.funding_date
    for line in records.find(PrenoteTrace, by="run_id", value=run.id):
        mark_prenote_sent(
            records,
            partner_id=line.record.partner_id,
            bank_details_version=line.record.bank_details_version,
            on=settles_on,
            at=at,
            by=RUN,
        )
