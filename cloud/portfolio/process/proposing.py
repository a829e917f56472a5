"""Proposals of acts that take two people: put on record, and decided by another."""

from collections.abc import Mapping
from dataclasses import replace
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
    """Put a proposal on record (D09); while the same one waits, that one is given.

    With another reason, by another person, or after it was decided, it is another proposal. Ids
    count up, so that the same one sent twice at once is written once: an index would lag.
    """
    if not because.strip():
        return Refused(TWO_PEOPLE.id, "a proposal says why", "reason_missing")
    known = tuple(sorted(facts.items()))
    number = 0
    while True:
        name = derived("PRO", kind, subject, str(known), by, because.strip(), number)
        found = records.load(Proposal, name)
        if found is None:
            break
        if found.record.state is ProposalState.PENDING:
            return found.record
        number += 1
    made = Proposal(
        name,
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


def proposals_in(records: Records, state: ProposalState) -> list[Proposal]:
    """Give the proposals in a state, the oldest first."""
    found = [one.record for one in records.find(Proposal, by="state", value=state)]
    return sorted(found, key=lambda one: (one.at, one.id))


def withdraw(records: Records, *, proposal_id: str, at: datetime, by: str) -> Proposal | Refused:
    """Take one's own proposal back; nothing of it is done."""
    stored = proposal(records, proposal_id)
    made = stored.record
    if made.by != by:
        because = f"{made.by} proposed this, and alone takes it back; others reject it"
        return Refused(TWO_PEOPLE.id, because, "not_yours")
    if made.state is ProposalState.WITHDRAWN:
        return made
    if made.state is not ProposalState.PENDING:
        because = f"proposal {made.id} was {made.state} by {made.decided_by} already"
        return Refused(TWO_PEOPLE.id, because, "conflict")
    after = replace(made, state=ProposalState.WITHDRAWN, decided_by=by, decided_at=at)
    says = f"{by} takes back what it proposed: {made.kind.replace('_', ' ')}"
    event = Event(made.id, f"{made.kind}_withdrawn", at, by, TWO_PEOPLE.id, (made.subject,), says)
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,)))
    return after


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
