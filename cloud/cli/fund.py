"""Funding runs by hand: what would be paid, who approves, what the bank got and sent back."""

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cloud.cli.asking import ask
from cloud.cli.local import LOOK_AGAIN_S, PATIENCE_S
from cloud.kernel.errors import BadInput, Unavailable
from cloud.kernel.money import Money

ACCOUNTANT, APPROVER, TREASURER = "alan.accounts", "ada.accounting", "tess.treasury"
"""Who does what on this machine; on AWS it is whoever signed in. No one does two of these."""
STATES = ("preview", "approved", "committed", "filed", "sending", "sent", "settled")
_STYLES = {"stale": "bold red", "committed": "green", "preview": ""}


def preview(options: argparse.Namespace) -> int:
    """Show what a run would pay, computed anew where it is not approved; without one, all runs."""
    if not options.run:
        return _list(options)
    run = _run(options, ACCOUNTANT, "GET", "")
    if run["state"] == "preview":
        run = _run(options, ACCOUNTANT, "POST", "/prepare", {})
    plans = ask(options.folder, ACCOUNTANT, "GET", f"{_path(run['id'])}/plans")["items"]
    if options.json:
        print(json.dumps({"run": run, "plans": plans}, indent=1))
        return 0
    console = Console()
    _say_run(run, console)
    console.print(_plans(plans))
    for line in run["flags"]:
        console.print(Text(f"look at: {line}", style="yellow"))
    for line in run["unusual"]:
        held = "" if run["released_by"] else "; it is held until somebody looks (fund release)"
        console.print(Text(f"unusual: {line}{held}", style="bold red"))
    if run["state"] == "preview":
        console.print(f"approve exactly this with\n  {_approval(run)}", soft_wrap=True)
    return 0


def approve(options: argparse.Namespace) -> int:
    """Approve exactly the plans whose hash was shown."""
    return _done(options, APPROVER, "/approve", {"plans_hash": options.hash})


def release(options: argparse.Namespace) -> int:
    """Let an unusual run go on, and say why it is right."""
    return _done(options, options.by, "/release", {"reason": options.because})


def commit(options: argparse.Namespace) -> int:
    """Carry an approved run out, and wait until it stands in the books."""
    return _carried_out(options, "committed")


def file(options: argparse.Namespace) -> int:
    """Carry an approved run out, and wait until its bank file is made."""
    return _carried_out(options, "filed")


def send(options: argparse.Namespace) -> int:
    """Hand the file to the bank, once, and wait until the bank has it or must be asked."""
    _run(options, TREASURER, "POST", "/send", {})
    return _wait(options, "sending")


def sent(options: argparse.Namespace) -> int:
    """Say that the bank has the file."""
    return _done(options, TREASURER, "/sent", {})


def not_sent(options: argparse.Namespace) -> int:
    """Say that the bank never got the file."""
    return _done(options, TREASURER, "/not_sent", {"reason": options.because})


def settle(options: argparse.Namespace) -> int:
    """Book that the bank paid the run out, as its statement shows."""
    statement = Money.parse(options.statement)
    return _done(options, TREASURER, "/settle", {"statement_cents": statement.cents})


def take_returns(options: argparse.Namespace) -> int:
    """Take a file of returned payments and corrected details, and tell what became of each."""
    taken = _taken(options, {"content": _read(options.file)})
    if options.json:
        print(json.dumps(taken, indent=1))
        return 0
    for one in taken["done"]:
        print(f"{one['trace_number']}  {one['code']}  {one['action'].replace('_', ' ')}")
    print(f"{taken['id']}: {taken['count']} entries")
    return 1 if taken["needs_person"] else 0


def balance(options: argparse.Namespace) -> int:
    """Print the trial balance as of an instant."""
    words = f"?as_of={quote(options.as_of)}" if options.as_of else ""
    item = ask(options.folder, ACCOUNTANT, "GET", f"/ops/trial_balance{words}")["item"]
    if options.json:
        print(json.dumps(item, indent=1))
        return 0
    table = Table(box=box.SIMPLE_HEAD, title=f"as of {item['as_of']}", title_justify="left")
    table.add_column("account")
    table.add_column("balance", justify="right")
    for account, cents in item["balances_cents"].items():
        table.add_row(account, str(Money(cents)))
    table.add_section()
    table.add_row("sum", str(Money(sum(item["balances_cents"].values()))))
    Console().print(table)
    return 0


def replay(options: argparse.Namespace) -> int:
    """Tell who would have been paid differently under another programme's rules."""
    words = f"?programme={quote(options.programme)}"
    if options.as_of:
        words += f"&as_of={quote(options.as_of)}"
    items = ask(options.folder, ACCOUNTANT, "GET", f"/ops/replay{words}")["items"]
    if options.json:
        print(json.dumps(items, indent=1))
        return 0
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("partner", "project", "what", "it is", "it would be"):
        table.add_column(name)
    table.add_column("about", justify="right")
    for one in items:
        what = one["what"].replace("_", " ")
        about = _money(one["amount"]) if one["amount"]["cents"] else ""
        table.add_row(
            one["partner_id"], one["project_id"], what, one["is_so"], one["would_be"], about
        )
    nobody = f"nobody would have been paid differently under {options.programme}"
    Console().print(table if items else Text(nobody, style="italic"))
    return 0


def _list(options: argparse.Namespace) -> int:
    runs = [
        one
        for state in STATES
        for one in ask(options.folder, ACCOUNTANT, "GET", f"/ops/runs?state={state}")["items"]
    ]
    runs.sort(key=lambda one: str(one["cut_off_at"]))
    if options.json:
        print(json.dumps(runs, indent=1))
        return 0
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("run", "paid on", "state", "gross", "net"):
        table.add_column(name, justify="right" if name in {"gross", "net"} else "left")
    for one in runs:
        table.add_row(
            one["id"], one["funding_date"], one["state"], _money(one["gross"]), _money(one["net"])
        )
    Console().print(table if runs else Text("no run was prepared yet", style="italic"))
    return 0


def _say_run(run: Mapping[str, Any], console: Console) -> None:
    console.print(Text(f"{run['id']}: {_money(run['net'])} of {_money(run['gross'])}", "bold"))
    console.print(f"  paid on {run['funding_date']} ({run['date_source'].replace('_', ' ')})")
    console.print(f"  {run['state']}, prepared by {run['preparer']}", highlight=False)


def _plans(plans: list[dict[str, Any]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("partner")
    for name in ("gross", "taken", "net", "carried", "held"):
        table.add_column(name, justify="right")
    table.add_column("state")
    for one in plans:
        held = Money(sum(item["amount"]["cents"] for item in one["held"]))
        taken = Money(one["gross"]["cents"] - one["net"]["cents"])
        table.add_row(
            one["partner_id"],
            _money(one["gross"]),
            str(taken),
            _money(one["net"]),
            _money(one["carried"]),
            str(held),
            Text(one["state"], style=_STYLES.get(one["state"], "")),
        )
    return table


def _approval(run: Mapping[str, Any]) -> str:
    return f"sunreeve fund approve {run['id']} --hash {run['plans_hash']}"


def _money(amount: Mapping[str, int]) -> str:
    return str(Money(amount["cents"]))


def _path(run_id: str) -> str:
    return f"/ops/runs/{quote(run_id, safe='')}"


def _run(
    options: argparse.Namespace, person: str, method: str, action: str, body: Any = None
) -> dict[str, Any]:
    found: dict[str, Any] = ask(
        options.folder, person, method, f"{_path(options.run)}{action}", body
    )["item"]
    return found


def _done(options: argparse.Namespace, person: str, action: str, body: Any) -> int:
    return _told(options, _run(options, person, "POST", action, body))


def _told(options: argparse.Namespace, run: Mapping[str, Any]) -> int:
    print(json.dumps(run, indent=1) if options.json else f"{run['id']} is {run['state']}")
    return 0


def _carried_out(options: argparse.Namespace, until: str) -> int:
    _run(options, ACCOUNTANT, "POST", "/carry_out", {})
    return _wait(options, until)


def _wait(options: argparse.Namespace, until: str) -> int:
    """Wait until a run has come so far; the stack goes on by itself when this ends.

    Raises:
        Unavailable: it took too long.
    """
    looked = 0.0
    while looked < PATIENCE_S:
        run = _run(options, ACCOUNTANT, "GET", "")
        if STATES.index(run["state"]) >= STATES.index(until):
            return _told(options, run)
        time.sleep(LOOK_AGAIN_S)
        looked += LOOK_AGAIN_S
    msg = f"waiting for {options.run} to be {until}: it is not yet; look again with fund preview"
    raise Unavailable(msg)


def _taken(options: argparse.Namespace, body: Any) -> dict[str, Any]:
    """Hand a file in and wait until it was worked through."""
    taken: dict[str, Any] = ask(options.folder, TREASURER, "POST", "/ops/bank_files", body)["item"]
    looked = 0.0
    while not taken["done"] and taken["count"] and looked < PATIENCE_S:
        time.sleep(LOOK_AGAIN_S)
        looked += LOOK_AGAIN_S
        path = f"/ops/bank_files/{quote(taken['id'], safe='')}"
        taken = ask(options.folder, TREASURER, "GET", path)["item"]
    return taken


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("ascii")
    except (OSError, UnicodeDecodeError) as wrong:
        msg = f"reading the bank's file {path}: {wrong}; name a file of ASCII records"
        raise BadInput(msg) from wrong
