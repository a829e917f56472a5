"""Load, decide by a rule, write one change: all that may happen to cases and work orders."""

from cloud.service.process.answers import (
    accept,
    acknowledge,
    decline,
    reassign,
    record_bounce,
    record_delivery,
    record_phone_call,
)
from cloud.service.process.dispatch import assign, enlist
from cloud.service.process.intake import record_recovery, take_up
from cloud.service.process.spend import approve_spend, request_spend
from cloud.service.process.visits import (
    contact_attempt,
    pause,
    record_finding,
    resume,
    schedule_visit,
    submit_report,
)
from cloud.service.process.waking import WAKES, wake

__all__ = [
    "WAKES",
    "accept",
    "acknowledge",
    "approve_spend",
    "assign",
    "contact_attempt",
    "decline",
    "enlist",
    "pause",
    "reassign",
    "record_bounce",
    "record_delivery",
    "record_finding",
    "record_phone_call",
    "record_recovery",
    "request_spend",
    "resume",
    "schedule_visit",
    "submit_report",
    "take_up",
    "wake",
]
