"""Acts that take two people: one proposes, another agrees (D09)."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from cloud.kernel.decision import Refused
from cloud.portfolio.policy import TWO_PEOPLE


class ProposalState(StrEnum):
    """Where a proposal stands; what was decided stays decided."""

    PENDING = "pending"
    AGREED = "agreed"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one person wants to be done, until another decides.

    Attributes:
        kind: what is to be done, for example ``cancel_project``.
        subject: id of the thing that it is about.
        facts: what the act needs besides, name and value; amounts in cents as text.
        because: why, in the proposer's words.
    """

    id: str
    kind: str
    subject: str
    facts: tuple[tuple[str, str], ...]
    because: str
    by: str
    at: datetime
    state: ProposalState = ProposalState.PENDING
    decided_by: str = ""
    decided_at: datetime | None = None

    def fact(self, name: str) -> str:
        """Give one fact; what was not given is empty."""
        return dict(self.facts).get(name, "")


def decide(
    proposal: Proposal, state: ProposalState, *, by: str, at: datetime
) -> Proposal | Refused:
    """Give the proposal as decided; deciding the same again gives it as it was (D09).

    Refused: the proposer itself, or when it was decided otherwise before.
    """
    if proposal.state is state and proposal.decided_by == by:
        return proposal
    if proposal.state is not ProposalState.PENDING:
        because = f"proposal {proposal.id} was {proposal.state} by {proposal.decided_by} already"
        return Refused(TWO_PEOPLE.id, because, "conflict")
    if len({proposal.by, by}) < TWO_PEOPLE.on(at.date()):
        because = f"{by} proposed this, so somebody else decides"
        return Refused(TWO_PEOPLE.id, because, "maker_is_checker")
    return replace(proposal, state=state, decided_by=by, decided_at=at)
