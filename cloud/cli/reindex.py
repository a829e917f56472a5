"""Makes what lies in a stack's tables findable by what the program finds it by today."""

import argparse

from cloud.adapters.reindexing import TABLES
from cloud.cli.asking import OperationsApi
from cloud.cli.saying import say

_PERSON = "ann.admin"
"""Who asks for it on this machine; on AWS it is whoever signed in."""


def reindex(options: argparse.Namespace) -> int:
    """Go through the tables a part at a time; what is right already is left as it is."""
    api = OperationsApi.of(options)
    for table in [options.table] if options.table else sorted(TABLES):
        looked_at, written = _gone_through(api, table)
        say(f"{table}: {looked_at} rows looked at, {written} of them put right")
    return 0


def _gone_through(api: OperationsApi, table: str) -> tuple[int, int]:
    looked_at = written = 0
    after = ""
    while True:
        part = api.ask(_PERSON, "POST", "/ops/reindex", {"table": table, "after": after})["item"]
        looked_at, written = looked_at + part["looked_at"], written + part["written"]
        after = part["next"]
        if not after:
            return looked_at, written
