"""The value of a rule as text for a person."""

from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from typing import Any

from cloud.kernel.money import Money


def shown(value: Any) -> str:
    """Give a value for a person."""
    if isinstance(value, Money | str):
        return str(value)
    if isinstance(value, timedelta):
        hours = value.total_seconds() / 3600
        return f"{hours:g} h" if hours >= 1 else f"{hours * 60:g} min"
    if isinstance(value, date | time):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return ", ".join(f"{f.name}={shown(getattr(value, f.name))}" for f in fields(value))
    if isinstance(value, dict):
        return ", ".join(f"{key}: {shown(part)}" for key, part in value.items())
    if isinstance(value, tuple | frozenset | set | list):
        parts = [shown(part) for part in value]
        return ", ".join(parts if isinstance(value, tuple | list) else sorted(parts))
    return str(value)
