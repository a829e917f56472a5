"""Proposals of acts that take two people: put on record, and decided by another."""

from collections.abc import Mapping
from datetime import datetime

from cloud.kernel.change import NEW, Change, Event, Save
from cloud.kernel.decision import Refused
from cloud.kernel.ids import derived
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.policy import TWO_PEOPLE
from cloud.portfolio.proposals import Proposal, ProposalState, decide


def propose(
    records: Records,
    *,
    kind: str,
    subject: str,
    facts: Mapping[str, str],
    because: str,
    at: datetime,
    by: str,
) -> Proposal | Refused:
    """Put a proposal on record (D09); the same one again changes nothing.

    Who proposes the same thing anew after it was decided makes another proposal.
    """
    if not because.strip():
        return Refused(TWO_PEOPLE.id, "a proposal says why", "reason_missing")
    known = tuple(sorted(facts.items()))
    pending = [
        one.record
        for one in records.find(Proposal, by="subject", value=subject)
        if (one.record.kind, one.record.facts, one.record.by) == (kind, known, by)
        and one.record.state is ProposalState.PENDING
    ]
    if pending:
        return pending[0]
    made = Proposal(
        derived("PRO", kind, subject, str(known), by, at.isoformat()),
        kind,
        subject,
        known,
        because.strip(),
        by,
        at,
    )
    says = f"{by} proposes {kind.replace('_', ' ')} of {subject}: {made.because}"
    event = Event(made.id, f"{kind}_proposed", at, by, TWO_PEOPLE.id, (subject,), says)
    records.commit(Change(saves=(Save(made, NEW),), events=(event,)))
    return made


def proposal(records: Records, proposal_id: str) -> Stored[Proposal]:
    """Give a proposal with its version.

    Raises:
        NotFound: there is none of that id.
    """
    return require(records.load(Proposal, proposal_id), "proposal", proposal_id)


def agreeing(
    stored: Stored[Proposal], *, by: str, at: datetime
) -> tuple[Proposal, Change] | Refused:
    """Give the agreed proposal and the change that says so, to be written with the act itself."""
    return _deciding(stored, ProposalState.AGREED, by=by, at=at)


def reject(records: Records, *, proposal_id: str, at: datetime, by: str) -> Proposal | Refused:
    """Reject a proposal; nothing of it is done."""
    decided = _deciding(proposal(records, proposal_id), ProposalState.REJECTED, by=by, at=at)
    if isinstance(decided, Refused):
        return decided
    after, change = decided
    records.commit(change)
    return after


def _deciding(
    stored: Stored[Proposal], state: ProposalState, *, by: str, at: datetime
) -> tuple[Proposal, Change] | Refused:
    after = decide(stored.record, state, by=by, at=at)
    if isinstance(after, Refused):
        return after
    if after == stored.record:
        return after, Change()
    says = f"{by} {state} what {after.by} proposed: {after.kind.replace('_', ' ')}"
    event = Event(after.id, f"{after.kind}_{state}", at, by, TWO_PEOPLE.id, (after.subject,), says)
    return after, Change(saves=(stored.replaced_by(after),), events=(event,))
