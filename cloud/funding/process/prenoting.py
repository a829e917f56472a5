"""Asking the bank about new accounts, in a file beside that of a run's payments."""

from dataclasses import replace
from datetime import datetime

from cloud.funding import ach
from cloud.funding.models import FundingRun, PrenoteTrace
from cloud.funding.process.run import RUN
from cloud.funding.schedule import run_sequence
from cloud.kernel.change import Change, Event, Save
from cloud.kernel.errors import NotFound
from cloud.kernel.ids import derived
from cloud.kernel.money import ZERO
from cloud.kernel.ports import Documents, Records, require
from cloud.portfolio.models import Partner, Prenote

_BLOCK = 1_000
_PLACES = 250
"""Places of one programme's questions among those that bank files keep for them."""
_PLAIN = "text/plain"


def ask_about_accounts(
    records: Records,
    documents: Documents,
    run: FundingRun,
    originator: ach.Originator,
    *,
    at: datetime,
) -> str:
    """Make the file that asks about the accounts pinned at the commit, and note what it asks (D11).

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
        documents.put(reference, content, _PLAIN)
    by_name = {
        receiver_name(partner_id): (partner_id, version) for partner_id, version in run.prenotes
    }
    for entry in ach.read(content).entries:
        partner_id, version = by_name[entry.credit.identification]
        line = PrenoteTrace(entry.trace_number, run.id, partner_id, version)
        _note(records, run, line, at)
    return reference


def receiver_name(partner_id: str) -> str:
    """Give what names a partner in a bank file, also where its id is too long for the field."""
    return partner_id if len(partner_id) <= 15 else derived("P", partner_id)


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
    first = ach.PLACES[ach.FileKind.PRENOTES].start + sequence // _BLOCK * _PLACES
    return ach.build_prenotes(
        originator,
        [
            ach.Credit(
                routing_number=one.routing_number,
                account_number=one.account_number.value,
                amount=ZERO,
                identification=receiver_name(one.id),
                name=one.name,
                account_kind=ach.AccountKind(one.account_kind),
            )
            for one in asked
        ],
        created_at=run.approved_at or run.prepared_at,
        effective_on=run.funding_date,
        run=run.id,
        sequence=sequence % _BLOCK,
        file_of_day=1,
        first_place=first,
    )


def _note(records: Records, run: FundingRun, line: PrenoteTrace, at: datetime) -> None:
    """Put on record what was asked, and that the partner waits for the answer; once."""
    known = records.load(PrenoteTrace, line.id)
    if known is not None and known.record.run_id == run.id:
        return
    stored = require(records.load(Partner, line.partner_id), "partner", line.partner_id)
    partner = stored.record
    saves: tuple[Save, ...] = (known.replaced_by(line) if known else Save(line),)
    if partner.prenote is Prenote.DUE and (
        partner.bank_details_version == line.bank_details_version
    ):
        sent = replace(partner, prenote=Prenote.SENT, prenote_sent_on=run.funding_date)
        saves += (stored.replaced_by(sent),)
    says = f"the bank is asked about partner {partner.id}'s account, settled on {run.funding_date}"
    event = Event(partner.id, "prenote_sent", at, RUN, "D11", (line.id,), says)
    records.commit(Change(saves=saves, events=(event,)))
