"""What a run would do for each partner; the preview and the run are the same computation."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from cloud.funding import ach, gates, netting
from cloud.funding.direct_pay import DirectPay
from cloud.funding.models import (
    CREDIT,
    Deduction,
    Payable,
    PlannedDeduction,
    PlannedPayable,
    RunPlan,
)
from cloud.funding.prenotes import prenote_pending
from cloud.funding.schedule import exceeds_same_day_limit
from cloud.kernel.money import ZERO
from cloud.kernel.policy import COMFORT
from cloud.portfolio.models import Partner, Project


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """What is known of the project that a payable is for.

    Attributes:
        direct_pay: None where the project never took part.
    """

    project: Project
    direct_pay: DirectPay | None = None

    @property
    def gate(self) -> gates.ProjectGate:
        """What of it holds money; a missing price holds its payable, a pause its deduction."""
        project, direct_pay = self.project, self.direct_pay
        return gates.ProjectGate(
            cancelled=project.cancelled,
            compliance_case_open=project.compliance_case_open,
            administrative_stip_open=project.administrative_stip_open,
            direct_pay_enrolled=direct_pay is not None and direct_pay.is_enrolled,
            vendor_invoice_final=direct_pay is not None and direct_pay.has_final_invoice,
        )


def has_bank_details(partner: Partner) -> bool:
    """Tell whether a bank file can name a partner and its bank, as far as may be seen here.

    The account number may be locked; whoever builds the file looks at the whole of it before the
    partner's part is committed.
    """
    last4 = partner.account_number.last4
    return bool(
        ach.is_routing_number(partner.routing_number)
        and re.fullmatch(r"[0-9A-Z-]+", last4)
        and ach.transliterated(partner.name)
    )


def held_for(
    payable: Payable, partner: Partner, about: ProjectFacts | None, *, on: date
) -> tuple[str, ...]:
    """Give what holds a payable: the partner's papers, the project's state, its own hold.

    Money for service, and money that came back, is held by the partner's gates only, and so is
    what is given back of a cost once its project was cancelled.
    """
    own = gates.PartnerGate(
        w9_on_file=partner.w9_on_file,
        bank_authorization_on_file=partner.bank_authorization_on_file,
        bank_account_blocked=partner.bank_account_blocked,
        prenote_pending=prenote_pending(partner, on=on),
        bank_details_missing=not has_bank_details(partner),
    )
    is_given_back = about is not None and about.project.cancelled and payable.milestone == CREDIT
    of_project = gates.ProjectGate() if about is None or is_given_back else about.gate
    hold = (payable.hold,) if payable.hold else ()
    return tuple(sorted({*gates.blocked_reasons(own, of_project), *hold}))


def plan_of(
    run_id: str,
    partner: Partner,
    payables: Iterable[Payable],
    deductions: Iterable[Deduction],
    projects: Mapping[str, ProjectFacts],
    *,
    on: date,
    programme: str = COMFORT,
) -> RunPlan:
    """Give a partner's plan from its open items (F05, F18, F31, D02).

    What is held stays out of the netting, listed with its reasons.
    """
    planned = _planned(partner, payables, projects, on=on)
    free = [one for one in planned if not one.held_for]
    by_id = {deduction.id: deduction for deduction in deductions}
    debits = [
        netting.Debit(one.id, one.kind, one.project_id, one.open, one.incurred_on, one.paused)
        for one in by_id.values()
    ]
    netted = netting.run_netting(
        [netting.Credit(one.project_id, one.milestone, one.amount) for one in free],
        debits,
        on=on,
        programme=programme,
    )
    plan = RunPlan(
        id="",
        run_id=run_id,
        partner_id=partner.id,
        partner_name=partner.name,
        remittance_email=partner.remittance_email,
        routing_number=partner.routing_number,
        account_number=partner.account_number,
        bank_details_version=partner.bank_details_version,
        account_kind=partner.account_kind,
        payables=tuple(free),
        held=tuple(one for one in planned if one.held_for),
        deductions=tuple(
            PlannedDeduction(
                debit.id,
                debit.kind,
                netted.applied.get(debit.id, ZERO),
                netted.remaining.get(debit.id, ZERO),
                debit.is_paused,
                by_id[debit.id].says,
            )
            for debit in netting.in_order(debits, on, programme)
        ),
        gross=netted.gross,
        net=netted.net,
        carried=netted.carried,
    )
    digest = digest_of(plan)
    return replace(plan, id=f"{run_id}.{partner.id}.{digest[:12]}", hash=digest)


def _planned(
    partner: Partner,
    payables: Iterable[Payable],
    projects: Mapping[str, ProjectFacts],
    *,
    on: date,
) -> list[PlannedPayable]:
    """Give open items, the oldest first, each with what holds it (F05)."""
    return [
        PlannedPayable(
            payable.id,
            payable.project_id,
            payable.milestone,
            payable.amount,
            payable.says,
            held_for(payable, partner, projects.get(payable.project_id), on=on),
        )
        for payable in sorted(payables, key=lambda one: (one.accrued_at, one.id))
    ]


def digest_of(plan: RunPlan) -> str:
    """Give what stands for a plan; whatever an approver relies on is in it.

    What becomes of the plan afterwards, its state and its trace number, is not.

    The account number is not: a digest is shown beside its last digits, and could be searched for
    the rest. The version of the bank details stands for it, which rises with every change of them.
    """
    said = [
        plan.run_id,
        plan.partner_id,
        plan.partner_name,
        plan.remittance_email,
        plan.routing_number,
        plan.account_number.last4,
        plan.account_kind,
        plan.bank_details_version,
        [[one.id, one.amount.cents] for one in plan.payables],
        [[one.id, one.amount.cents, one.held_for] for one in plan.held],
        [[one.id, one.applied.cents, one.left.cents, one.paused] for one in plan.deductions],
        plan.net.cents,
    ]
    return hashlib.sha256(json.dumps(said, separators=(",", ":")).encode()).hexdigest()


def plans_hash(plans: Sequence[RunPlan]) -> str:
    """Give what stands for all plans of a run (D03)."""
    return hashlib.sha256("\n".join(plan.hash for plan in plans).encode()).hexdigest()


def flags(
    plans: Iterable[RunPlan], *, is_same_day: bool, on: date, programme: str = COMFORT
) -> tuple[str, ...]:
    """Say what an approver must look at before approving (F03)."""
    return tuple(
        f"{plan.partner_id}: {plan.net} is above what an entry may carry on the day of its file"
        for plan in plans
        if is_same_day and exceeds_same_day_limit(plan.net, on, programme=programme)
    )
