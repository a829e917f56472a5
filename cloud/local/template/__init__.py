"""The stack as the template describes it: translated, resolved, and strict about what it knows."""

from cloud.local.template.reader import load
from cloud.local.template.stack import (
    ACCOUNT,
    QUEUE_URL,
    REGION,
    Authorizer,
    Function,
    Mapped,
    Resource,
    Route,
    Scheduled,
    Stack,
)
from cloud.local.template.translation import translate

__all__ = [
    "ACCOUNT",
    "QUEUE_URL",
    "REGION",
    "Authorizer",
    "Function",
    "Mapped",
    "Resource",
    "Route",
    "Scheduled",
    "Stack",
    "load",
    "translate",
]
