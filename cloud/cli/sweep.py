"""Commands for sweeps of a running stack: what was held back, and days judged anew."""

import argparse
import json
from typing import Any
from urllib.parse import quote

from cloud.cli.asking import ask
from cloud.cli.saying import say

_PERSON = "sam.spc"
"""Who decides on this machine; on AWS it is whoever signed in."""


def holds(options: argparse.Namespace) -> int:
    """List what sweeps held back because it was too much to be believed."""
    items = _ask(options, "GET", f"/ops/sweep_holds?state={quote(options.state)}")["items"]
    if options.json:
        say(json.dumps(items, indent=1))
        return 0
    for one in items:
        say(f"{one['id']}: {one['says']}, since {one['held_at']}")
        for line in one["examples"]:
            say(f"  {line}")
    if not items:
        say(f"nothing is {options.state}")
    return 0


def release(options: argparse.Namespace) -> int:
    """Let what was held back be told."""
    return _decide(options, "release")


def discard(options: argparse.Namespace) -> int:
    """Let what was held back count as told, and tell nobody."""
    return _decide(options, "discard")


def _decide(options: argparse.Namespace, what: str) -> int:
    hold = _ask(options, "POST", f"/ops/sweep_holds/{quote(options.region, safe='')}/{what}")[
        "item"
    ]
    count = len(hold["finding_ids"])
    say(json.dumps(hold) if options.json else f"{hold['id']}: {count} findings {hold['state']}")
    return 0


def replay(options: argparse.Namespace) -> int:
    """Judge the open days of a clock anew."""
    body = {"utc_offset_hours": options.clock, "replay_from": options.since}
    done = _ask(options, "POST", "/ops/sweeps", body)["item"]
    says = f"{done['sites']} sites are judged anew"
    if done["passed_over"]:
        says += (
            f"; {done['passed_over']} are passed over, for their evaluation is not over: ask again"
        )
    say(json.dumps(done) if options.json else says)
    return 0


def _ask(options: argparse.Namespace, method: str, path: str, body: Any = None) -> dict[str, Any]:
    return ask(options, _PERSON, method, path, body)
