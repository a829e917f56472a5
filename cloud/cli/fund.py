"""Funding runs by hand: what would be paid, who approves, what the bank got and sent back."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rich.console import Console
from rich.text import Text

from cloud.cli import funding_shown as shown
from cloud.cli import screen
from cloud.cli.asking import OperationsApi, ask, wait_until
from cloud.cli.saying import say
from cloud.kernel.errors import BadInput, Unavailable
from cloud.kernel.money import Money

ACCOUNTANT, APPROVER, TREASURER = "alan.accounts", "ada.accounting", "tess.treasury"
"""Who does what on this machine; on AWS it is whoever signed in. No one does two of these."""
STATES = ("preview", "approved", "committed", "filed", "sending", "sent", "settled")
_TELLS_ANEW = ("prepared_at", "plans_hash", "funding_date", "unusual")
"""What differs in a run that was prepared anew; its instant need not, where a clock stands."""
_AMOUNTS = frozenset({"gross", "taken", "net", "carried", "held"})


def preview(options: argparse.Namespace) -> int:
    """Show what a run would pay, computed anew where it is not approved; without one, all runs."""
    if not options.run:
        return _list(options)
    run = _run(options, ACCOUNTANT, "GET", "")
    if run["state"] == "preview":
        run = _prepared(options)
    plans = ask(options, ACCOUNTANT, "GET", f"{_path(run['id'])}/plans")["items"]
    if options.json:
        say(json.dumps({"run": run, "plans": plans}, indent=1))
        return 0
    _show(run, plans, screen.console())
    return 0


def _prepared(options: argparse.Namespace) -> dict[str, Any]:
    """Give a run as it is prepared from what is known now.

    Raises:
        Unavailable: it took too long; the stack goes on by itself.
    """
    asked = _run(options, ACCOUNTANT, "POST", "/prepare", {})
    if asked.pop("is_current"):
        return asked

    def is_anew(run: Mapping[str, Any]) -> bool:
        return any(run[name] != asked[name] for name in _TELLS_ANEW)

    run = wait_until(
        lambda: _run(options, ACCOUNTANT, "GET", ""), is_anew, begun=asked, patience_s=options.wait
    )
    if not is_anew(run):
        msg = f"waiting for {options.run} to be prepared anew: it is not yet; look again"
        raise Unavailable(msg)
    return run


def _show(run: Mapping[str, Any], plans: Sequence[Mapping[str, Any]], console: Console) -> None:
    for line in shown.run(run, plans):
        console.print(line)
    if plans:
        rows = [shown.plan(one) for one in plans]
        shown.draw(rows, console, numbers=_AMOUNTS)
    for line in shown.reasons(plans):
        console.print(line)
    for flag in run["flags"]:
        console.print(Text(f"look at: {flag}", "yellow"))
    by = run["released_by"]
    for unusual in run["unusual"]:
        held = f"{by} looked at it" if by else "it is held until somebody looks at it"
        console.print(Text(f"unusual: {unusual}; {held}", "yellow" if by else "bold red"))
    if run["state"] == "preview" and run["unusual"] and not by:
        console.print("let exactly this go on with")
        line = f"  sunreeve fund release {run['id']} --hash {run['plans_hash']} --because ..."
        console.print(Text(line), soft_wrap=True)
    if run["state"] == "preview" and plans:
        console.print("approve exactly this with")
        line = f"  sunreeve fund approve {run['id']} --hash {run['plans_hash']}"
        console.print(Text(line), soft_wrap=True)


def approve(options: argparse.Namespace) -> int:
    """Approve exactly the plans whose hash was shown."""
    return _done(options, APPROVER, "/approve", {"plans_hash": options.hash})


def release(options: argparse.Namespace) -> int:
    """Let an unusual run go on, and say why it is right."""
    body = {"plans_hash": options.hash, "reason": options.because}
    return _done(options, options.by, "/release", body)


def commit(options: argparse.Namespace) -> int:
    """Carry an approved run out, and wait until it stands in the books."""
    return _carried_out(options, "committed")


def file(options: argparse.Namespace) -> int:
    """Carry an approved run out, and wait until its bank file is made."""
    return _carried_out(options, "filed")


def send(options: argparse.Namespace) -> int:
    """Hand the file to the bank, once, and wait until the bank has it or must be asked."""
    _run(options, TREASURER, "POST", "/send", {})
    run = _reached(options, "sent")
    if run["state"] != "sending":
        return _told(options, run)
    if options.json:
        say(json.dumps(run, indent=1))
    else:
        say(f"{run['id']} is sending, and nobody knows whether the bank has it: ask the bank,")
        say(f"then say so with fund sent {run['id']}, or fund not-sent {run['id']} --because ...")
    return 1


def sent(options: argparse.Namespace) -> int:
    """Say that the bank has the file."""
    return _done(options, TREASURER, "/sent", {})


def not_sent(options: argparse.Namespace) -> int:
    """Say that the bank never got the file."""
    return _done(options, TREASURER, "/not_sent", {"reason": options.because})


def settle(options: argparse.Namespace) -> int:
    """Book that the bank paid the run out, as its statement shows."""
    return _done(options, TREASURER, "/settle", {"statement_cents": options.statement.cents})


def take_returns(options: argparse.Namespace) -> int:
    """Hand in a file of returned payments and corrected details; handed in again it is shown."""
    body = {"content": _read(options.file)}
    return _told_file(options, ask(options, TREASURER, "POST", "/ops/bank_files", body))


def agree(options: argparse.Namespace) -> int:
    """Agree that a file is the bank's, wait until it is worked through, and tell what came of it.

    Raises:
        Unavailable: it took too long; the stack goes on by itself.
    """
    path = f"/ops/bank_files/{quote(options.bank_file, safe='')}"
    found = wait_until(
        lambda: ask(options, TREASURER, "GET", path),
        _is_worked_through,
        begun=ask(options, APPROVER, "POST", f"{path}/agree", {}),
        patience_s=options.wait,
    )
    if not _is_worked_through(found):
        msg = f"waiting for {options.bank_file} to be worked through: it is not yet; agree again"
        raise Unavailable(msg)
    return _told_file(options, found)


def _is_worked_through(found: Mapping[str, Any]) -> bool:
    return bool(found["item"]["done"] or not found["item"]["count"])


def _told_file(options: argparse.Namespace, found: Mapping[str, Any]) -> int:
    taken = found["item"]
    if options.json:
        say(json.dumps(taken, indent=1))
        return 1 if taken["needs_person"] else 0
    for one in taken["done"]:
        say(f"{one['trace_number']}  {one['code']}  {one['action'].replace('_', ' ')}")
    left = "; some wait for a person, who was told" if taken["needs_person"] else ""
    say(f"{taken['id']}: {taken['count']} {_entries(taken['count'])}{left}")
    if taken["count"] and not taken["done"]:
        say("nothing is done until a second person agrees that it is the bank's, with")
        say(f"  sunreeve fund agree {taken['id']}")
    return 1 if taken["needs_person"] else 0


def balance(options: argparse.Namespace) -> int:
    """Print the trial balance as of an instant."""
    words = f"?as_of={quote(options.as_of)}" if options.as_of else ""
    item = ask(options, ACCOUNTANT, "GET", f"/ops/trial_balance{words}")["item"]
    if options.json:
        say(json.dumps(item, indent=1))
        return 0
    rows = [
        {"account": account, "balance": str(Money(cents))}
        for account, cents in item["balances_cents"].items()
    ]
    rows.append({"account": "sum", "balance": str(Money(sum(item["balances_cents"].values())))})
    say(f"as of {item['as_of']}")
    _draw(rows, numbers=frozenset({"balance"}), nothing="")
    return 0


def verify(options: argparse.Namespace) -> int:
    """Have all books recomputed, wait, and say what differs; 1 where anything does."""
    check = ask(options, ACCOUNTANT, "POST", "/ops/books/checks", {})["item"]
    path = f"/ops/books/checks/{quote(check['id'], safe='')}"
    check = wait_until(
        lambda: ask(options, ACCOUNTANT, "GET", path)["item"],
        lambda one: one["done_at"] is not None,
        begun=check,
        patience_s=options.wait,
    )
    if check["done_at"] is None:
        msg = f"waiting for check {check['id']} of the books: it is not done yet; wait longer"
        raise Unavailable(msg)
    if options.json:
        say(json.dumps(check, indent=1))
    else:
        for line in check["problems"]:
            say(line)
        what = f"{check['entries']} entries, {check['items']} items and plans of all runs"
        say(f"{what}: {check['differences'] or 'no'} differences")
    return 1 if check["differences"] else 0


def replay(options: argparse.Namespace) -> int:
    """Tell who would have been paid differently under another programme's rules."""
    words = f"?programme={quote(options.programme)}"
    if options.as_of:
        words += f"&as_of={quote(options.as_of)}"
    items = ask(options, ACCOUNTANT, "GET", f"/ops/replay{words}")["items"]
    if options.json:
        say(json.dumps(items, indent=1))
        return 0
    rows = [
        {
            "partner": one["partner_id"],
            "project": one["project_id"],
            "what": one["what"].replace("_", " "),
            "it is": one["is_so"],
            "it would be": one["would_be"],
            "about": shown.amount(one["amount"]) if one["amount"]["cents"] else "",
        }
        for one in items
    ]
    nothing = f"nobody would have been paid differently under {options.programme}"
    _draw(rows, numbers=frozenset({"about"}), nothing=nothing)
    return 0


def runs(options: argparse.Namespace) -> int:
    """List the runs in one state, or all."""
    return _list(options, options.person, (options.state,) if options.state else STATES)


def _list(
    options: argparse.Namespace, person: str = ACCOUNTANT, states: Sequence[str] = STATES
) -> int:
    api = OperationsApi.of(options)
    runs = [
        one
        for state in states
        for one in api.ask(person, "GET", f"/ops/runs?state={state}")["items"]
    ]
    runs.sort(key=lambda one: str(one["cut_off_at"]))
    if options.json:
        say(json.dumps(runs, indent=1))
        return 0
    rows = [
        {
            "run": one["id"],
            "paid on": one["funding_date"],
            "state": one["state"],
            "gross": shown.amount(one["gross"]),
            "net": shown.amount(one["net"]),
        }
        for one in runs
    ]
    nothing = "no run was prepared yet" if states == STATES else f"no run is {states[0]}"
    _draw(rows, numbers=frozenset({"gross", "net"}), nothing=nothing)
    return 0


def _draw(rows: Sequence[Mapping[str, str]], *, numbers: frozenset[str], nothing: str) -> None:
    if rows:
        shown.draw(rows, screen.console(), numbers=numbers)
    else:
        say(nothing)


def _path(run_id: str) -> str:
    return f"/ops/runs/{quote(run_id, safe='')}"


def _run(
    options: argparse.Namespace, person: str, method: str, action: str, body: Any = None
) -> dict[str, Any]:
    found: dict[str, Any] = ask(options, person, method, f"{_path(options.run)}{action}", body)[
        "item"
    ]
    return found


def _done(options: argparse.Namespace, person: str, action: str, body: Any) -> int:
    return _told(options, _run(options, person, "POST", action, body))


def _told(options: argparse.Namespace, run: Mapping[str, Any]) -> int:
    say(json.dumps(run, indent=1) if options.json else f"{run['id']} is {run['state']}")
    return 0


def _carried_out(options: argparse.Namespace, until: str) -> int:
    _run(options, ACCOUNTANT, "POST", "/carry_out", {})
    return _told(options, _reached(options, until))


def _reached(options: argparse.Namespace, until: str) -> dict[str, Any]:
    """Wait until a run has come so far; the stack goes on by itself when this ends.

    One that is still being handed over when patience ends is given back so.

    Raises:
        Unavailable: it took too long.
    """

    def look() -> dict[str, Any]:
        return _run(options, ACCOUNTANT, "GET", "")

    def is_there(run: Mapping[str, Any]) -> bool:
        return STATES.index(run["state"]) >= STATES.index(until)

    run = wait_until(look, is_there, begun=look(), patience_s=options.wait)
    if is_there(run) or run["state"] == "sending":
        return run
    msg = (
        f"waiting for {options.run} to be {until}: it is still {run['state']}; look again with "
        f"fund preview {options.run}"
    )
    raise Unavailable(msg)


def _entries(count: int) -> str:
    return "entry" if count == 1 else "entries"


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("ascii")
    except (OSError, UnicodeDecodeError) as wrong:
        why = wrong.strerror if isinstance(wrong, OSError) else "it is not ASCII"
        msg = f"reading the bank's file {path}: {why}; name a file of records as the bank sent it"
        raise BadInput(msg) from wrong
