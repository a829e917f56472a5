"""Why something is as it is: a tree of causes from any id back to the readings behind it.

A cause came before what it caused. What came later and is named all the same (the log of an invoice
names the run that paid it) is no cause: it stands in a list of its own, what came of the thing.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from cloud.funding.extension import ExtensionRequest
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
from cloud.funding.tickets import Ticket
from cloud.invoicing.models import BackBill, CustomerCharge, Dispute, Invoice
from cloud.kernel.change import Event
from cloud.kernel.errors import BadInput, NotFound
from cloud.kernel.ports import Records
from cloud.portfolio.models import Partner, Project, Site
from cloud.portfolio.papers import BankChange
from cloud.portfolio.process import CANCEL_PROJECT
from cloud.portfolio.proposals import Proposal
from cloud.service.models import Case, Report, WorkOrder

DEEPEST = 12
WIDEST = 30
MOST_NODES = 300
"""How far a tree goes; what it leaves out is counted where it is left out (`Node.more`)."""
LONGEST_ID = 200

READING = "reading"
CASE = "case"
RUN = "run"
CANCELLATION = "cancellation"
UNKNOWN = "other"
_GROWING = frozenset({CASE, RUN})
"""Kinds that gather causes while they stand: findings join a case, a run is counted again."""


@dataclass(frozen=True, slots=True)
class Node:
    """One thing in the tree, and under it what led to it.

    Attributes:
        kind: what it is, for example ``payable`` or ``reading``; ``other`` where the id tells none.
        at: when it came about; None where nothing is on record but its name.
        by, rule: who made it, and the rule that its making follows; empty where that is not on
            record. Who changed it later is not told here.
        cents: what it is worth, where it is money.
        is_shown_before: it stands elsewhere in the tree with its causes, and not again here.
        more: causes that are not shown: too deep, too many, or not for who asks.
        came_of_it: of the root alone, what its record or its log names and came later; none of it
            is a cause, and none has children here.
        more_came: how many more of those there are, too many or not for who asks.
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
    came_of_it: tuple["Node", ...] = ()
    more_came: int = 0

    def walk(self) -> Iterable[tuple[int, "Node"]]:
        """Give each node with its depth, from the root on, as a list reads."""
        waiting = [(0, self)]
        while waiting:
            depth, node = waiting.pop()
            yield depth, node
            waiting += [(depth + 1, child) for child in reversed(node.children)]


@dataclass(frozen=True, slots=True)
class _Fact:
    """What is known of one id before the tree is made.

    Attributes:
        causes: what the record names, and what the event names that made it.
        later: what the rest of its log names.
    """

    node: Node
    causes: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    is_known: bool = False


@dataclass(slots=True)
class _Growing:
    """The tree while it grows, level by level: each id stands once with its causes.

    Attributes:
        below: the causes of each that is placed, as far as they are known and came before it.
        younger: what it names and came after it.
        parent: where each stands with its causes; the root stands under nothing.
        until: the instant up to which each is explained; None where none is on record.
    """

    facts: dict[str, _Fact] = field(default_factory=dict)
    below: dict[str, list[str]] = field(default_factory=dict)
    younger: dict[str, list[str]] = field(default_factory=dict)
    parent: dict[str, str] = field(default_factory=dict)
    until: dict[str, datetime | None] = field(default_factory=dict)


def story_of(records: Records, about: str, *, hidden: Collection[str] = frozenset()) -> Node:
    """Give the tree of causes of anything with an id: a bank line, a payable, a case, a finding.

    Causes are what the record itself names, and what the event names that made it, each id once:
    where it is nearest to the root. Nothing is a cause of what came before it: each is explained up
    to its making; what gathers causes (a case, a run) up to the making of what it led to, and as
    the root, as it stands. It goes at most `DEEPEST` levels down, `WIDEST` causes wide and
    `MOST_NODES` nodes far, and says how many it left out. A level costs a call for each kind of
    record in it, and one for each log.

    Args:
        records: what is kept.
        about: the id.
        hidden: kinds that are not shown to who asks (`cloud.reporting.story_readers`); they are
            counted, and not followed.

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
    grown.parent[name] = ""
    grown.until[name] = None if root.node.kind in _GROWING else root.node.at
    level, left = [name], MOST_NODES - 1
    for _ in range(DEEPEST):
        _look_at(records, _unknown_behind(level, grown)[:left], grown)
        coming = [cause for parent in level for cause in _placed_under(parent, grown)]
        left -= len(coming)
        level = [cause for cause in coming if grown.facts[cause].node.kind not in hidden]
        if not level:
            break
    tree = _tree(name, grown, hidden)
    came, more = _came_of(records, root, grown, hidden)
    return replace(tree, came_of_it=came, more_came=more)


def _unknown_behind(level: Sequence[str], grown: _Growing) -> list[str]:
    """Give the causes of a level that nothing is known of yet, each once."""
    named = (cause for name in level for cause in grown.facts[name].causes[:WIDEST])
    return list(dict.fromkeys(cause for cause in named if cause not in grown.facts))


def _placed_under(name: str, grown: _Growing) -> list[str]:
    """Put what led to one thing below it, and give what stands there for the first time."""
    until = grown.until[name]
    below, younger, first = [], [], []
    for cause in grown.facts[name].causes[:WIDEST]:
        fact = grown.facts.get(cause)
        if fact is None:
            continue
        if _is_after(fact.node, until):
            younger.append(cause)
            continue
        below.append(cause)
        if cause not in grown.parent:
            grown.parent[cause] = name
            own = None if fact.node.kind in _GROWING else fact.node.at
            grown.until[cause] = own or grown.facts[name].node.at or until
            first.append(cause)
    grown.below[name], grown.younger[name] = below, younger
    return first


def _is_after(node: Node, until: datetime | None) -> bool:
    """Tell whether a thing came about after an instant; a window of readings counts as before.

    Its name has the instant that a gateway's clock told, which may be ahead of ours.
    """
    if node.kind == READING or node.at is None or until is None:
        return False
    return node.at > until


def _tree(name: str, grown: _Growing, hidden: Collection[str]) -> Node:
    """Put the nodes together, the deepest first; its depth is bounded by how it grew."""
    fact = grown.facts[name]
    children = []
    for cause in grown.below.get(name, ()):
        known = grown.facts[cause]
        if known.node.kind in hidden:
            continue
        if grown.parent[cause] == name:
            children.append(_tree(cause, grown, hidden))
        else:
            children.append(replace(known.node, is_shown_before=True))
    left_out = len(fact.causes) - len(grown.younger.get(name, ())) - len(children)
    return replace(fact.node, children=tuple(children), more=left_out)


def _came_of(
    records: Records, root: _Fact, grown: _Growing, hidden: Collection[str]
) -> tuple[tuple[Node, ...], int]:
    """Give what the root names and came after it, and how much of that is not shown."""
    name = root.node.id
    named = dict.fromkeys((*grown.younger.get(name, ()), *root.later))
    told = [one for one in named if one not in grown.below.get(name, ())]
    _look_at(records, [one for one in told[:WIDEST] if one not in grown.facts], grown)
    nodes = [grown.facts[one].node for one in told[:WIDEST]]
    after = [
        one for one in nodes if root.node.at is None or one.at is None or one.at >= root.node.at
    ]
    shown = tuple(one for one in after if one.kind not in hidden)
    return shown, len(after) - len(shown) + len(told[WIDEST:])


# ---- what an id stands for -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Said:
    """What a record says of itself: when, by whom, in words, its cents, and its causes."""

    at: datetime | None
    by: str
    says: str
    cents: int | None = None
    causes: tuple[str, ...] = ()
    kind: str = ""
    """What it is, where its record tells that better than its name."""


def _of_line(line: PaymentTrace) -> _Said:
    says = f"{line.amount} to {line.partner_id}, line {line.id} of the file of {line.run_id}"
    return _Said(line.settled_at, "", says, line.amount.cents, (line.plan_id,))


def _of_plan(plan: RunPlan) -> _Said:
    says = f"{plan.gross} owed to {plan.partner_name}, of which {plan.net} is paid"
    taken = [one.id for one in plan.deductions if one.applied]
    # Not its run: that leads down to every other partner's money.
    causes = (
        payment_entry_id(plan.run_id, plan.partner_id),
        *(one.id for one in plan.payables),
        *taken,
    )
    return _Said(None, "", says, plan.net.cents, causes)


def _of_run(run: FundingRun) -> _Said:
    agreed = f", approved by {run.approver}" if run.approver else ""
    says = f"run {run.id}, prepared by {run.preparer}{agreed}: {run.net}"
    return _Said(run.prepared_at, run.preparer, says, run.net.cents, run.plan_ids)


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
    return _Said(order.issued_at, order.issued_by, says, None, (order.case_id, *report))


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
    says = f"{made.by} proposes {what}: {made.because}{agreed}"
    kind = CANCELLATION if made.kind == CANCEL_PROJECT else ""
    return _Said(made.at, made.by, says, kind=kind)


def _of_bank_change(change: BankChange) -> _Said:
    says = f"other bank details of {change.partner_id}: {change.state}"
    return _Said(change.asked_at, change.asked_by, says)


def _of_bank_file(taken: BankFileTaken) -> _Said:
    return _Said(taken.at, taken.by, f"a file of the bank's with {taken.count} entries")


def _of_extension(asked: ExtensionRequest) -> _Said:
    decided = f"; {asked.decided_by}: {asked.state}" if asked.decided_by else ""
    says = f"{asked.by} asks for an extension of {asked.project_id}: {asked.reason}{decided}"
    return _Said(asked.submitted_at, asked.by, says, asked.amount.cents, (asked.project_id,))


def _of_ticket(ticket: Ticket) -> _Said:
    says = f"{ticket.asked_by} asks: {ticket.subject}"
    causes = (ticket.about_id,) if ticket.about_id else ()
    return _Said(ticket.opened_at, ticket.asked_by, says, None, causes)


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
    "extension": (ExtensionRequest, _of_extension),
    "ticket": (Ticket, _of_ticket),
    "project": (Project, _of_project),
    "site": (Site, _of_site),
    "partner": (Partner, _of_partner),
}
_MADE_BY: Mapping[str, tuple[str, ...]] = {
    "plan": ("plan_committed",),
    "run": ("run_prepared",),
    "payable": ("payable_opened",),
    "deduction": ("deduction_raised",),
    "invoice": ("submitted",),
    "work_order": ("issued",),
    "case": ("case_opened",),
    "dispute": ("dispute_opened",),
    "back_bill": ("back_bill_confirmed", "back_bill_notified"),
    "customer_charge": ("charge_proposed",),
    "proposal": (
        "cancel_project_proposed",
        "compliance_offset_proposed",
        "prepaid_commission_proposed",
        "settle_debt_proposed",
        "reverse_payment_proposed",
        "assign_suspense_proposed",
    ),
    "extension": ("extension_asked",),
    "ticket": ("ticket_opened",),
    "project": ("project_registered",),
    "site": ("site_registered",),
    "partner": ("partner_registered",),
}
"""Kind of record -> the events that make one; of what has no record here, the first event does."""
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
    "EXT": ("extension",),
    "TKT": ("ticket",),
}
"""Beginning of an id -> the kinds of records that are named so (`cloud.kernel.ids.derived`)."""
_BY_LOG: Mapping[str, str] = {
    "F": "finding",
    "R": "recovery",
    "MS": "milestone",
    "MSR": "milestone",
    "VIN": "vendor_invoice",
    "V": "vendor",
    "UPL": "file",
    "DOC": "paper",
    "QST": "question",
    "MAIL": "mail",
    "LTR": "letter",
    "HR": "help_request",
    "HELP": "help_request",
    "OPT": "opt_in_request",
    "CHK": "books_check",
    "EXP": "export",
    "VISIT": "visit_request",
    "IHC": "internal_cost",
    "PUB": "funding_day",
    "WPR": "warranty_prices",
    "PLAN": "payment_plan",
}
"""Beginning of an id -> what it is, where the log alone tells of it here."""
KINDS = frozenset({*_KINDS, *_BY_LOG.values(), READING, CANCELLATION, UNKNOWN})
"""Everything that a node may be."""
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
    made = _making(kind, log)
    named = dict.fromkeys((*said.causes, *(made.causes if made else ())))
    rest = dict.fromkeys(cause for event in log if event is not made for cause in event.causes)
    node = Node(
        id=name,
        kind=said.kind or kind or _named(name.partition("-")[0]),
        at=said.at or (made.at if made else None),
        by=said.by or (made.by if made else ""),
        rule=made.rule if made else "",
        says=said.says or "; at last: ".join(dict.fromkeys((*words[:1], *words[-1:]))),
        cents=said.cents,
    )
    causes = tuple(cause for cause in named if cause and cause != name)
    later = tuple(cause for cause in rest if cause and cause != name and cause not in named)
    return _Fact(node, causes, later, is_known=record is not None or bool(log))


def _making(kind: str, log: Sequence[Event]) -> Event | None:
    """Give the event that made a thing; None where its log does not tell of that.

    Events of one instant stand in no order, so it is known by what it is.
    """
    if not kind:
        return log[0] if log else None
    return next((event for event in log if event.what in _MADE_BY.get(kind, ())), None)


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
