"""What took two people (D09): who asked, who decided, and when; for whoever looks back."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from cloud.funding.models import BankFileTaken
from cloud.kernel.ports import Records
from cloud.portfolio.papers import BankChange, BankChangeState
from cloud.portfolio.proposals import Proposal, ProposalState
from cloud.reporting.run_desk import all_runs


@dataclass(frozen=True, slots=True)
class Decided:
    """One act of two people.

    Attributes:
        about: kind of the thing, as its page is found: proposal, run, bank_change or bank_file.
        what: what was done, as a name.
        state: how it ended.
        asked_by, asked_at: who prepared, proposed or took it in.
        decided_by, decided_at: who else decided; the instant is None where it is not kept.
        others: who else had a hand in it, for example released what was unusual.
    """

    id: str
    about: str
    what: str
    subject: str
    state: str
    asked_by: str
    asked_at: datetime
    decided_by: str
    decided_at: datetime | None
    others: tuple[str, ...] = ()

    @property
    def is_one_person(self) -> bool:
        """Tell whether the same person did both, which no rule lets happen."""
        return self.asked_by == self.decided_by


def decided_by_two(records: Records) -> tuple[Decided, ...]:
    """Give every decision that a second person made, the latest first.

    Runs that were approved, proposals that were agreed to or rejected, changes of bank details and
    bank files that a second person agreed to. What was withdrawn, or still waits, is not told.
    """
    found = [
        *_runs(records),
        *_proposals(records),
        *_bank_changes(records),
        *_bank_files(records),
    ]
    return tuple(
        sorted(
            found,
            key=lambda one: ((one.decided_at or one.asked_at).astimezone(UTC), one.id),
            reverse=True,
        )
    )


def _runs(records: Records) -> Iterator[Decided]:
    for one in all_runs(records):
        if one.approver:
            yield Decided(
                one.id,
                "run",
                "approve_run",
                one.id,
                one.state.value,
                one.preparer,
                one.prepared_at,
                one.approver,
                one.approved_at,
                (one.released_by,) if one.released_by else (),
            )


def _proposals(records: Records) -> Iterator[Decided]:
    for state in (ProposalState.AGREED, ProposalState.REJECTED):
        for stored in records.find(Proposal, by="state", value=state):
            one = stored.record
            yield Decided(
                one.id,
                "proposal",
                one.kind,
                one.subject,
                one.state.value,
                one.by,
                one.at,
                one.decided_by,
                one.decided_at,
            )


def _bank_changes(records: Records) -> Iterator[Decided]:
    for state in (BankChangeState.AGREED, BankChangeState.EFFECTIVE):
        for stored in records.find(BankChange, by="state", value=state):
            one = stored.record
            if one.agreed_by:
                yield Decided(
                    one.id,
                    "bank_change",
                    "change_bank_details",
                    one.partner_id,
                    one.state.value,
                    one.asked_by,
                    one.asked_at,
                    one.agreed_by,
                    one.agreed_at,
                )


def _bank_files(records: Records) -> Iterator[Decided]:
    for state in ("agreed", "done"):
        for stored in records.find(BankFileTaken, by="state", value=state):
            one = stored.record
            if one.agreed_by:
                yield Decided(
                    one.id,
                    "bank_file",
                    "agree_bank_file",
                    one.id,
                    state,
                    one.by,
                    one.at,
                    one.agreed_by,
                    None,
                )
