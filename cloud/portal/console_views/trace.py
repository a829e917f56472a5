"""Trace: why something is as it is, from any id back to the readings, and what a rule says."""

from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any

from cloud.kernel.errors import BadInput, NotFound
from cloud.kernel.policy import Rule
from cloud.kernel.rule_text import shown
from cloud.portal.asking import Absent, Ask, Page
from cloud.portal.console_views.money_desk import everywhere
from cloud.portal.console_views.ways import way_to
from cloud.portal.routes import Views
from cloud.reporting.roles import MONEY_ROLES, ROLES
from cloud.reporting.run_desk import all_runs
from cloud.reporting.story import Node, story_of
from cloud.reporting.story_readers import hidden_from

VIEWS = Views()
HERE = "/console/trace"
_EVERYBODY = tuple(sorted(ROLES))
STAGES = ("portfolio", "telemetry", "detection", "service", "invoicing", "funding", "reporting")
KINDS = {
    "bank_line": "Line of a bank file",
    "plan": "A partner's part of a run",
    "run": "Funding run",
    "ledger_entry": "Ledger entry",
    "payable": "Money earned",
    "deduction": "Deduction",
    "cancellation": "Proposal to end a project",
    "other": "Known by its log",
}
"""Kind -> its name, where that is not its own word."""
_ABOUT = {
    "cancellation": "proposal",
    "extension": "extension_request",
    "paper": "document",
}
"""Kind -> what its page is found by, where that is another word."""
EXAMPLES = (
    (
        "bank_line",
        "A trace number of the bank",
        "091000010000001",
        "fifteen digits, as a statement has them",
    ),
    ("ledger_entry", "A ledger entry", "LE-…", "from the ledger of a partner"),
    ("payable", "A payable or a deduction", "PAY-…, DED-…, OFF-…", "from a run or from Reductions"),
    ("invoice", "An invoice", "INV-…", "with the report and the readings behind it"),
    ("work_order", "A work order, a case", "WO-…, CASE-…", "back to the days that were too low"),
    ("finding", "A finding", "F-…", "the readings that it was made of"),
    ("project", "A project", "PRJ-…", "by its own number"),
    ("partner", "A partner", "P-…", "by its own number"),
)
"""Kind -> what it is called, what its id looks like, and where that stands."""


@VIEWS.get(HERE, *_EVERYBODY)
def trace(ask: Ask) -> Page:
    """Show the tree of causes behind an id, as far as the visitor's roles may see."""
    said = ask.query.get("id", "").strip()[:200]
    hidden = hidden_from(ask.visitor.roles)
    sees_money = bool(ask.visitor.roles & MONEY_ROLES)
    root: Node | None = None
    wrong = ""
    if said:
        try:
            root = _story(ask, said, hidden)
        except (BadInput, NotFound) as no:
            wrong = str(no)[:1].upper() + str(no)[1:] + "."
    nodes = [node for _, node in root.walk()] if root else []
    return Page(
        "console/trace.html",
        "Trace",
        {
            **everywhere(ask),
            "asked_for": said,
            "root": root,
            "count": len(nodes),
            "deepest": max((depth for depth, _ in root.walk()), default=0) if root else 0,
            "readings": sum(node.kind == "reading" for node in nodes),
            "wrong": wrong,
            "kinds": KINDS,
            "rules": rule_book(),
            "page_of": lambda node: _page_of(ask, node),
            "examples": [rest for kind, *rest in EXAMPLES if kind not in hidden],
            "sees_money": sees_money,
            "sees_all": not hidden,
            "anchors": _anchors(nodes),
            "latest_run": _latest_run(ask) if not said and sees_money else "",
        },
    )


def _story(ask: Ask, said: str, hidden: frozenset[str]) -> Node:
    """Give the tree of an id; one that was typed in small letters is looked for in large ones."""
    try:
        return story_of(ask.records, said, hidden=hidden)
    except NotFound:
        if said == said.upper():
            raise
    return story_of(ask.records, said.upper(), hidden=hidden)


def _anchors(nodes: Sequence[Node]) -> dict[str, str]:
    """Give the place on the page of each thing that stands there with its causes."""
    whole = [node.id for node in nodes if not node.is_shown_before]
    return {name: f"n{place}" for place, name in enumerate(whole)}


def _page_of(ask: Ask, node: Node) -> str:
    """Give the page on which a node stands; empty where only the trace tells of it."""
    if node.kind == "plan":
        run_id, _, rest = node.id.partition(".")
        partner_id = rest.rpartition(".")[0]
        to = way_to(ask, "run", run_id)
        return f"{to}/partners/{partner_id}" if to and partner_id else to
    return way_to(ask, _ABOUT.get(node.kind, node.kind), node.id)


def _latest_run(ask: Ask) -> str:
    """Give the latest run, as an example that leads somewhere; empty before the first."""
    latest = max(all_runs(ask.records), key=lambda one: one.cut_off_at, default=None)
    return latest.id if latest else ""


# ---- what a rule says ----------------------------------------------------------------------------


@lru_cache(maxsize=1)
def rule_book() -> dict[str, Rule[Any]]:
    """Give every rule by its id, read from the policies themselves."""
    return {
        value.id: value
        for stage in STAGES
        for value in vars(import_module(f"cloud.{stage}.policy")).values()
        if isinstance(value, Rule)
    }


@VIEWS.get(HERE + "/rules/{rule_id}", *_EVERYBODY)
def one_rule(ask: Ask) -> Page:
    """Show what a rule says, where it was agreed, and its values by their first days."""
    found = rule_book().get(ask.names["rule_id"])
    if found is None:
        raise Absent
    values = [
        (programme, day, value)
        for programme, dated in (("", found.values), *found.programmes.items())
        for day, value in sorted(dated.items())
    ]
    return Page(
        "console/rule.html",
        f"Rule {found.id}",
        {"rule": found, "values": values, "value_words": shown},
    )
