"""All that follows an approval without anybody's help: the books, and the bank file."""

from datetime import datetime

from cloud.funding import ach
from cloud.funding.models import FundingRun, RunState
from cloud.funding.ports import RemittanceRenderer
from cloud.funding.process.committing import commit
from cloud.funding.process.filing import file
from cloud.funding.process.run import load_run, references_of
from cloud.funding.process.settlement import settle
from cloud.kernel.ports import Documents, Records


def run_all_after_approval(
    records: Records,
    documents: Documents,
    *,
    run_id: str,
    originator: ach.Originator,
    renderer: RemittanceRenderer,
    at: datetime,
) -> FundingRun:
    """Commit and file an approved run; one that has nothing for the bank is settled with it (D37).

    Every step sees what is done already, so that this may be called as often as wanted.
    """
    commit(records, run_id=run_id, at=at)
    run = file(records, documents, run_id=run_id, originator=originator, renderer=renderer, at=at)
    if run.state is RunState.FILED and not references_of(run):
        settle(records, run_id=run_id, at=at)
    return load_run(records, run_id).record
