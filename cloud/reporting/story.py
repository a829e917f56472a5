"""Why something is as it is: a tree of causes from any id back to the readings behind it."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from cloud.funding.models import (
    BankFileTaken,
    Deduction,
    FundingRun,
    LedgerEntry,
    Payable,
    PaymentTrace,
    RunPlan,
)
from cloud.funding.process.committing import payment_entry_id
from cloud.invoicing.models import BackBill, CustomerCharge, Dispute, Invoice
from cloud.kernel.change import Event
from cloud.kernel.errors import BadInput, NotFound
from cloud.kernel.ports import Records
from cloud.portfolio.models import Partner, Project, Site
from cloud.portfolio.papers import BankChange
from cloud.portfolio.proposals import Proposal
from cloud.service.models import Case, Report, WorkOrder

DEEPEST = 12
WIDEST = 30
MOST_NODES = 300
"""How far a tree goes; what it leaves out is counted where it is left out (`Node.more`)."""
LONGEST_ID = 200

MONEY = frozenset({"bank_line", "plan", "run", "ledger_entry", "payable", "deduction"})
"""Kinds that only who deals with money sees."""
READING = "reading"
UNKNOWN = "other"


@dataclass(frozen=True, slots=True)
class Node:
    """One thing in the tree, and under it what led to it.

    Attributes:
        kind: what it is, for example ``payable`` or ``reading``; ``other`` where the id tells none.
        at: when it came about; None where nothing is on record but its name.
        by, rule: who did it, and the rule that it follows; empty where that is not on record.
        cents: what it is worth, where it is money.
        is_shown_before: it stands nearer to the root already, with its causes, and not again here.
        more: causes that are not shown: too deep, too many, or not for who asks.
    """

    id: str
    kind: str
    at: datetime | None
    by: str
    rule: str
    says: str
    cents: int | None = None
    children: tuple["Node", ...] = ()
    is_shown_before: bool = False
    more: int = 0

    def walk(self) -> Iterable[tuple[int, "Node"]]:
        """Give each node with its depth, from the root on, as a list reads."""
        waiting = [(0, self)]
        while waiting:
            depth, node = waiting.pop()
            yield depth, node
            waiting += [(depth + 1, child) for child in reversed(node.children)]


@dataclass(frozen=True, slots=True)
class _Fact:
    """What is known of one id before the tree is made."""

    node: Node
    causes: tuple[str, ...] = ()
    is_known: bool = False


@dataclass(slots=True)
class _Growing:
    """The tree while it grows, level by level: each id stands once with its causes."""

    facts: dict[str, _Fact] = field(default_factory=dict)
    below: dict[str, tuple[str, ...]] = field(default_factory=dict)
    parent: dict[str, str] = field(default_factory=dict)


def story_of(records: Records, about: str, *, hidden: Collection[str] = frozenset()) -> Node:
    """Give the tree of causes of anything with an id: a bank line, a payable, a case, a finding.

    Causes are what the record itself names, and then what its log names, each id once: where it is
    nearest to the root. It goes at most `DEEPEST` levels down, `WIDEST` causes wide and
    `MOST_NODES` nodes far, and says how many it left out. A level costs a call for each kind of
    record in it, and one for each log.

    Args:
        records: what is kept.
        about: the id.
        hidden: kinds that are not shown to who asks (`MONEY`); they are counted, and not followed.

    Raises:
        BadInput: that cannot be an id.
        NotFound: nothing is on record under it, or it is of a hidden kind.
    """
    name = about.strip()
    if not name or len(name) > LONGEST_ID or not name.isprintable():
        msg = f"telling the story of {about[:40]!r}: give an id, as WO-MN5GCQR726"
        raise BadInput(msg)
    grown = _Growing()
    _look_at(records, [name], grown)
    root = grown.facts[name]
    if root.node.kind in hidden or not root.is_known:
        msg = f"{name} is not known here: check the id"
        raise NotFound(msg)
    level, left = [name], MOST_NODES - 1
    for _ in range(DEEPEST):
        coming = _causes_of(level, grown)[:left]
        if not coming:
            break
        left -= len(coming)
        for cause, parent in coming:
            grown.parent[cause] = parent
        _look_at(records, [cause for cause, _ in coming], grown)
        level = [cause for cause, _ in coming if grown.facts[cause].node.kind not in hidden]
    return _tree(name, grown, hidden)


def _causes_of(level: Sequence[str], grown: _Growing) -> list[tuple[str, str]]:
    """Give what is new behind a level, each with the first that names it."""
    coming: dict[str, str] = {}
    for name in level:
        named = grown.facts[name].causes[:WIDEST]
        grown.below[name] = named
        for cause in named:
            if cause not in grown.facts:
                coming.setdefault(cause, name)
    return list(coming.items())


def _tree(name: str, grown: _Growing, hidden: Collection[str]) -> Node:
    """Put the nodes together, the deepest first; its depth is bounded by how it grew."""
    fact = grown.facts[name]
    children = []
    for cause in grown.below.get(name, ()):
        known = grown.facts.get(cause)
        if known is None or known.node.kind in hidden:
            continue
        if grown.parent.get(cause) == name:
            children.append(_tree(cause, grown, hidden))
        else:
            children.append(replace(known.node, is_shown_before=True))
    return replace(fact.node, children=tuple(children), more=len(fact.causes) - len(children))


# ---- what an id stands for -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Said:
    """What a record says of itself: when, by whom, in words, its cents, and its causes."""

    at: datetime | None
    by: str
    says: str
    cents: int | None = None
    causes: tuple[str, ...] = ()


def _of_line(line: PaymentTrace) -> _Said:
    says = f"{line.amount} to {line.partner_id}, line {line.id} of the file of {line.run_id}"
    return _Said(line.settled_at, "", says, line.amount.cents, (line.plan_id,))


def _of_plan(plan: RunPlan) -> _Said:
    says = f"{plan.gross} owed to {plan.partner_name}, of which {plan.net} is paid"
    taken = [one.id for one in plan.deductions if one.applied]
    causes = (
        payment_entry_id(plan.run_id, plan.partner_id),
        *(one.id for one in plan.payables),
        *taken,
        plan.run_id,
    )
    return _Said(None, "", says, plan.net.cents, causes)


def _of_run(run: FundingRun) -> _Said:
    agreed = f", approved by {run.approver}" if run.approver else ""
    says = f"run {run.id}, prepared by {run.preparer}{agreed}: {run.net}"
    return _Said(run.prepared_at, run.preparer, says, run.net.cents)


def _of_entry(entry: LedgerEntry) -> _Said:
    moved = sum(one.amount.cents for one in entry.postings if one.amount.cents > 0)
    return _Said(entry.recorded_at, "", entry.says, moved, entry.causes)


def _of_payable(item: Payable) -> _Said:
    return _Said(item.accrued_at, "", item.says, item.amount.cents, item.causes)


def _of_deduction(item: Deduction) -> _Said:
    return _Said(item.raised_at, "", item.says, item.raised.cents, item.causes)


def _of_invoice(invoice: Invoice) -> _Said:
    says = f"invoice {invoice.content.number} of {invoice.partner_id}: {invoice.content.total}"
    by, cents = invoice.submitted_by, invoice.content.total.cents
    return _Said(invoice.submitted_at, by, says, cents, (invoice.work_order_id,))


def _of_order(order: WorkOrder) -> _Said:
    said = "; ".join(one.says for one in order.scope_lines) or order.instructions
    says = f"work order {order.id} for {order.site_id}: {said}"
    report = (order.report_id,) if order.report_id else ()
    return _Said(order.issued_at, order.issued_by, says, None, (*report, order.case_id))


def _of_report(report: Report) -> _Said:
    said = report.content.summary or report.content.root_cause
    says = f"{report.partner_id} reported: {said}"
    return _Said(report.submitted_at, report.submitted_by, says, None, (report.work_order_id,))


def _of_case(case: Case) -> _Said:
    said = f": {case.evidence[0]}" if case.evidence else ""
    says = f"case of {case.family.replace('_', ' ')} at {case.site_id}{said}"
    return _Said(case.opened_at, "", says, None, (*case.findings, *case.causes))


def _of_dispute(dispute: Dispute) -> _Said:
    says = f"{dispute.partner_id} disputes: {dispute.says}"
    causes = (dispute.subject_id, dispute.work_order_id)
    return _Said(dispute.opened_at, dispute.opened_by, says, None, causes)


def _of_back_bill(bill: BackBill) -> _Said:
    at = bill.standings[0].at if bill.standings else None
    says = f"{bill.partner_id} owes {bill.total} for work order {bill.work_order_id}"
    return _Said(at, "", says, bill.total.cents, (bill.work_order_id, *bill.disputes))


def _of_charge(charge: CustomerCharge) -> _Said:
    says = f"the customer of {charge.site_id} is asked for {charge.total}: {charge.evidence}"
    return _Said(
        charge.proposed_at, charge.proposed_by, says, charge.total.cents, (charge.invoice_id,)
    )


def _of_proposal(made: Proposal) -> _Said:
    agreed = f"; {made.decided_by} {made.state}" if made.decided_by else ""
    what = f"{made.kind.replace('_', ' ')} of {made.subject}"
    return _Said(made.at, made.by, f"{made.by} proposes {what}: {made.because}{agreed}")


def _of_bank_change(change: BankChange) -> _Said:
    says = f"other bank details of {change.partner_id}: {change.state}"
    return _Said(change.asked_at, change.asked_by, says)


def _of_bank_file(taken: BankFileTaken) -> _Said:
    return _Said(taken.at, taken.by, f"a file of the bank's with {taken.count} entries")


def _of_project(project: Project) -> _Said:
    return _Said(None, "", f"project {project.id} of {project.partner_id}")


def _of_site(site: Site) -> _Said:
    return _Said(None, "", f"site {site.id}, built by {site.installer_id}")


def _of_partner(partner: Partner) -> _Said:
    return _Said(None, "", f"partner {partner.name}")


_KINDS: Mapping[str, tuple[type[Any], Callable[[Any], _Said]]] = {
    "bank_line": (PaymentTrace, _of_line),
    "plan": (RunPlan, _of_plan),
    "run": (FundingRun, _of_run),
    "ledger_entry": (LedgerEntry, _of_entry),
    "payable": (Payable, _of_payable),
    "deduction": (Deduction, _of_deduction),
    "invoice": (Invoice, _of_invoice),
    "work_order": (WorkOrder, _of_order),
    "report": (Report, _of_report),
    "case": (Case, _of_case),
    "dispute": (Dispute, _of_dispute),
    "back_bill": (BackBill, _of_back_bill),
    "customer_charge": (CustomerCharge, _of_charge),
    "proposal": (Proposal, _of_proposal),
    "bank_change": (BankChange, _of_bank_change),
    "bank_file": (BankFileTaken, _of_bank_file),
    "project": (Project, _of_project),
    "site": (Site, _of_site),
    "partner": (Partner, _of_partner),
}
_BY_PREFIX: Mapping[str, tuple[str, ...]] = {
    "LE": ("ledger_entry",),
    "PAY": ("payable",),
    "DED": ("deduction",),
    "OFF": ("deduction", "payable"),
    "INV": ("invoice",),
    "WO": ("work_order",),
    "RPT": ("report",),
    "CASE": ("case",),
    "DSP": ("dispute",),
    "BB": ("back_bill",),
    "CC": ("customer_charge",),
    "PRO": ("proposal",),
    "BCH": ("bank_change",),
    "BF": ("bank_file",),
}
"""Beginning of an id -> the kinds of records that are named so (`cloud.kernel.ids.derived`)."""
_BY_LOG: Mapping[str, str] = {
    "F": "finding",
    "R": "recovery",
    "MS": "milestone",
    "MSR": "milestone",
    "VIN": "vendor_invoice",
    "UPL": "file",
    "DOC": "paper",
    "QST": "question",
    "MAIL": "mail",
    "LTR": "letter",
    "HR": "help_request",
    "HELP": "help_request",
    "TKT": "ticket",
    "OPT": "opt_in_request",
    "CHK": "books_check",
    "EXP": "export",
}
"""Beginning of an id -> what it is, where the log alone tells of it here."""
_TRACE_DIGITS = 15


def _look_at(records: Records, names: Sequence[str], grown: _Growing) -> None:
    """Put down what is known of some ids: records of one kind at once, and each one's log."""
    wanted: dict[str, list[str]] = {}
    for name in names:
        for kind in _kinds_of(name):
            wanted.setdefault(kind, []).append(name)
    found: dict[str, tuple[str, Any]] = {}
    for kind, ids in wanted.items():
        stored = records.load_all(_KINDS[kind][0], ids)
        for name, one in stored.items():
            found.setdefault(name, (kind, one.record))
    for name in names:
        window = _window_of(name)
        log = () if window else records.history(name)
        kind, record = found.get(name, ("", None))
        grown.facts[name] = _reading(name, window) if window else _fact(name, kind, record, log)


def _kinds_of(name: str) -> tuple[str, ...]:
    """Give the kinds of records that may have an id; of one of no known form, several."""
    if name.isascii() and name.isdigit() and len(name) == _TRACE_DIGITS:
        return ("bank_line",)
    prefix = name.partition("-")[0]
    if prefix in _BY_PREFIX:
        return _BY_PREFIX[prefix]
    if prefix in _BY_LOG or _window_of(name):
        return ()
    return ("project", "site", "partner", "run", "plan")


def _fact(name: str, kind: str, record: object, log: Sequence[Event]) -> _Fact:
    said = _Said(None, "", "") if record is None else _KINDS[kind][1](record)
    words = [event.says for event in log if event.says]
    rules = [event.rule for event in log if event.rule]
    named = dict.fromkeys((*said.causes, *(cause for event in log for cause in event.causes)))
    node = Node(
        id=name,
        kind=kind or _named(name.partition("-")[0]),
        at=said.at or (log[0].at if log else None),
        by=said.by or (log[0].by if log else ""),
        rule=rules[0] if rules else "",
        says=said.says or "; at last: ".join(dict.fromkeys((*words[:1], *words[-1:]))),
        cents=said.cents,
    )
    causes = tuple(cause for cause in named if cause and cause != name)
    return _Fact(node, causes, is_known=record is not None or bool(log))


def _named(prefix: str) -> str:
    """Give what the beginning of an id says of a thing that only the log knows."""
    return _BY_PREFIX[prefix][0] if prefix in _BY_PREFIX else _BY_LOG.get(prefix, UNKNOWN)


def _reading(name: str, window: tuple[str, datetime]) -> _Fact:
    gateway, start = window
    says = f"readings that {gateway} sent for the window from {start:%Y-%m-%d %H:%M} UTC"
    return _Fact(Node(name, READING, start, gateway, "", says), is_known=True)


def _window_of(name: str) -> tuple[str, datetime] | None:
    """Give the gateway and the window that a chunk's id names, None for any other id."""
    gateway, _, rest = name.partition("/")
    window, _, sequence = rest.partition("/")
    if not (gateway and sequence.isascii() and sequence.isdigit()):
        return None
    try:
        start = datetime.fromisoformat(window)
    except ValueError:
        return None
    return (gateway, start.astimezone(UTC)) if start.tzinfo else None
