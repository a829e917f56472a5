"""What the owner's people look at: what waits for them, cases, work orders, mails, what is held."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from rich.text import Text

from cloud.cli import screen
from cloud.cli.asking import OperationsApi
from cloud.cli.saying import harmless
from cloud.cli.screen import Column

Record = Mapping[str, Any]

ORDER_TASKS = (
    "choose_partner",
    "confirm_reassignment",
    "approve_spend",
    "correct_contact",
    "phone_partner",
    "chase_partner",
    "confirm_pause",
    "answer_question",
    "record_finding",
)
"""What a work order may wait for, as the service stage names it."""
OPEN_CASES = ("open", "with_omnidian", "work_ordered", "verifying", "resolved")
"""States of cases that are not at their end."""
APPROVING = ("approve_", "decide_", "agree_", "confirm_", "release_", "overdue_")
"""How the kinds of work begin that are a yes or a no."""
HELD = frozenset({"sweep_hold", "post_hold", "release_run"})
"""Kinds of work that let go on what was held back."""
_UNREAD = ("for_a_person", "quarantined")
_WAITING = (
    Column("what", gives_way=2),
    Column("id"),
    Column("when"),
    Column("for", gives_way=1),
    Column("amount", is_number=True),
    Column("about", is_text=True),
)
_CASES = (
    Column("case"),
    Column("state"),
    Column("waits for"),
    Column("site"),
    Column("since", gives_way=1),
    Column("about", is_text=True),
)
_ORDERS = (
    Column("order"),
    Column("state"),
    Column("waits for"),
    Column("partner", gives_way=2),
    Column("site"),
    Column("since", gives_way=1),
)
_MAILS = (
    Column("mail"),
    Column("state"),
    Column("at", gives_way=2),
    Column("thread", gives_way=1),
    Column("from", is_text=True),
    Column("subject", is_text=True),
)
_LOG = (Column("at"), Column("by"), Column("rule"), Column("what happened", is_text=True))


def queue(options: argparse.Namespace) -> int:
    """List what waits for a person, emergencies first, then by what is due."""
    return _list_waiting(options, lambda _: True, "nothing waits")


def approvals(options: argparse.Namespace) -> int:
    """List what waits for a yes or no."""
    return _list_waiting(
        options, lambda kind: kind.startswith(APPROVING), "nothing waits for a yes or no"
    )


def holds(options: argparse.Namespace) -> int:
    """List what is held back until a person says that it is right."""
    return _list_waiting(options, lambda kind: kind in HELD, "nothing is held back")


def _list_waiting(
    options: argparse.Namespace, is_wanted: Callable[[str], bool], nothing: str
) -> int:
    every = OperationsApi.of(options).ask(options.person, "GET", "/ops/work")["items"]
    found = [one for one in every if is_wanted(one["kind"])]
    return _tell(options, found, [_row_of_work(one) for one in found], _WAITING, nothing)


def _row_of_work(one: Record) -> screen.Row:
    when = Text(f"since {screen.moment(one['since'])}")
    if one["due_at"]:
        when = Text(f"by {screen.moment(one['due_at'])}")
    if one["is_late"]:
        when.append(" late", "bold red")
    urgent = "emergency: " if one["is_emergency"] else ""
    own = "; you prepared it, so another decides" if one["is_own"] else ""
    return {
        "what": _words(one["kind"]),
        "id": Text(harmless(one["id"]), "bold"),
        "when": when,
        "for": one["waits_for"] or " or ".join(sorted(map(_words, one["roles"]))),
        "amount": "" if one["amount"] is None else screen.amount(one["amount"]["cents"]),
        "about": f"{urgent}{one['title']}{own}",
    }


def case(options: argparse.Namespace) -> int:
    """Show one case with its log, or list those in a state; without one, all that are open."""
    if options.id:
        return _show_one(options, "cases", options.id, _facts_of_case)
    found = _listed(options, "cases?state=", (options.state,) if options.state else OPEN_CASES)
    found.sort(key=lambda one: str(one["opened_at"]))
    rows: list[screen.Row] = [
        {
            "case": Text(one["id"], "bold"),
            "state": _words(one["state"]),
            "waits for": _words(one["task"]),
            "site": one["site_id"],
            "since": screen.moment(one["opened_at"]),
            "about": _about_case(one),
        }
        for one in found
    ]
    return _tell(options, found, rows, _CASES, "there is no such case")


def order(options: argparse.Namespace) -> int:
    """Show one work order with its log, or list those that wait for a person."""
    if options.number:
        return _show_one(options, "work_orders", options.number, _facts_of_order)
    tasks = (options.task,) if options.task else ORDER_TASKS
    found = _listed(options, "work_orders?task=", tasks)
    found.sort(key=lambda one: str(one["issued_at"]))
    rows: list[screen.Row] = [
        {
            "order": Text(one["id"], "bold"),
            "state": _words(one["state"]),
            "waits for": _words(one["task"]),
            "partner": one["partner_id"] or "",
            "site": one["site_id"],
            "since": screen.moment(one["issued_at"]),
        }
        for one in found
    ]
    return _tell(options, found, rows, _ORDERS, "no work order waits for that")


def mails(options: argparse.Namespace) -> int:
    """List mails about one thing, in one state, or those that a person has to look at."""
    if options.thread:
        found = _listed(options, "threads/", (options.thread,), "/mails")
    else:
        found = _listed(options, "mails?state=", (options.state,) if options.state else _UNREAD)
    found.sort(key=lambda one: str(one["at"]))
    rows: list[screen.Row] = [
        {
            "mail": Text(one["id"], "bold"),
            "state": _words(one["state"]),
            "at": screen.moment(one["at"]),
            "thread": one["thread"],
            "from": one["sender"],
            "subject": one["subject"],
        }
        for one in found
    ]
    return _tell(options, found, rows, _MAILS, "there is no such mail")


def _listed(
    options: argparse.Namespace, path: str, words: Sequence[str], after: str = ""
) -> list[dict[str, Any]]:
    api = OperationsApi.of(options)
    return [
        one
        for word in words
        for one in api.ask(options.person, "GET", f"/ops/{path}{quote(word, safe='')}{after}")[
            "items"
        ]
    ]


def _tell(
    options: argparse.Namespace,
    found: Sequence[Record],
    rows: Sequence[screen.Row],
    columns: Sequence[Column],
    nothing: str,
) -> int:
    if options.json:
        screen.tell_json(found)
    else:
        screen.draw(rows, columns, screen.console(), nothing=nothing)
    return 0


def _show_one(options: argparse.Namespace, kind: str, name: str, facts_of: Any) -> int:
    api = OperationsApi.of(options)
    path = f"/ops/{kind}/{quote(name, safe='')}"
    item = api.ask(options.person, "GET", path)["item"]
    log = api.ask(options.person, "GET", f"{path}/log")["items"]
    if options.json:
        screen.tell_json({"item": item, "log": log})
        return 0
    on = screen.console()
    on.print(Text(harmless(item["id"]), "bold"))
    screen.facts(facts_of(item), on)
    rows: list[screen.Row] = [
        {
            "at": screen.moment(one["at"]),
            "by": one["by"],
            "rule": one["rule"],
            "what happened": one["says"],
        }
        for one in log
    ]
    screen.draw(rows, _LOG, on, nothing="nothing happened to it yet")
    return 0


def _facts_of_case(item: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("state", _words(item["state"])),
        ("waits for", _words(item["task"])),
        ("about", _about_case(item)),
        ("site", item["site_id"]),
        ("led by", item["owner"]),
        ("came by", item["source"]),
        ("opened", screen.moment(item["opened_at"])),
        ("visited", screen.moment(item["visited_at"])),
        ("resolved", screen.moment(item["resolved_at"])),
        *(("evidence", one) for one in item["evidence"]),
    ]


def _facts_of_order(item: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("state", _words(item["state"])),
        ("waits for", _words(item["task"])),
        ("case", item["case_id"]),
        ("site", item["site_id"]),
        ("partner", item["partner_id"] or ""),
        ("looked after by", item["spc_id"]),
        ("issued", screen.moment(item["issued_at"])),
        ("may cost", screen.amount(item["not_to_exceed"]["cents"])),
        ("emergency", "yes" if item["is_emergency"] else ""),
        ("asked for", ", ".join(map(_words, item["scope"]))),
        ("instructions", item["instructions"]),
    ]


def _about_case(item: Mapping[str, Any]) -> str:
    urgent = "emergency: " if item["is_emergency"] else ""
    return f"{urgent}{_words(item['family'])}"


def _words(code: str | None) -> str:
    return (code or "").replace("_", " ")
