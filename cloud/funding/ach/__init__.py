"""The bank file: corporate entries in the Nacha format, written, read back and judged strictly.

One file holds one batch of one kind: payments, prenotes or reversals. It is unbalanced, so the
bank books the offsetting side itself. What the bank sends back is read by `read_returns`.
"""

from cloud.funding.ach.characters import transliterated
from cloud.funding.ach.entries import (
    BLOCK,
    MAX_ENTRIES,
    MAX_ENTRY,
    PLACES,
    BankFile,
    Controls,
    Credit,
    FileKind,
    Originator,
    ReadEntry,
    controls,
    kind_of_trace,
    trace_number,
)
from cloud.funding.ach.layouts import RECORD_SIZE
from cloud.funding.ach.reading import UNCHECKED, read
from cloud.funding.ach.returning import (
    Correction,
    ReturnedEntry,
    ReturnFile,
    corrected,
    read_returns,
)
from cloud.funding.ach.reversing import (
    ReversalReason,
    build_reversal,
    reversal_refused,
    reversible_until,
)
from cloud.funding.ach.writing import (
    MODIFIERS,
    build,
    build_prenotes,
    fault_of,
    may_go_same_day,
    settles_same_day,
)
from cloud.kernel.routing import is_routing_number
from cloud.portfolio.models import AccountKind

__all__ = [
    "BLOCK",
    "MAX_ENTRIES",
    "MAX_ENTRY",
    "MODIFIERS",
    "PLACES",
    "RECORD_SIZE",
    "UNCHECKED",
    "AccountKind",
    "BankFile",
    "Controls",
    "Correction",
    "Credit",
    "FileKind",
    "Originator",
    "ReadEntry",
    "ReturnFile",
    "ReturnedEntry",
    "ReversalReason",
    "build",
    "build_prenotes",
    "build_reversal",
    "controls",
    "corrected",
    "fault_of",
    "is_routing_number",
    "kind_of_trace",
    "may_go_same_day",
    "read",
    "read_returns",
    "reversal_refused",
    "reversible_until",
    "settles_same_day",
    "trace_number",
    "transliterated",
]
