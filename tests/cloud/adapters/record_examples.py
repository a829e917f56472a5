"""Makes an example of any record from its type hints: every field is filled in."""

import types
import typing
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any

from cloud.detection.baseline import KNOT_DAYS, MONTHS
from cloud.funding.models import Posting
from cloud.kernel.money import Money
from cloud.kernel.secret import Secret
from cloud.portfolio.models import Milestone

FITTING: dict[str, Any] = {
    "time_zone": "America/Denver",
    "utc_offset_hours": -7,
    "share_bps": 10_000,
    "m1_basis": Milestone.INSTALL_APPROVED,
    "ApiClient.vendor_id": "",
    "Vendor.email": "vendor@dealer.example",
    "Vendor.orders_email": "orders@dealer.example",
    "dropped": Money(0),
    "latitude": 39.7,
    "longitude": -105.1,
    "clear_sky_wh": (40_000.1,) * len(KNOT_DAYS),
    "month_shape": (0.9,) * MONTHS,
    "postings": (Posting("cost", Money(5)), Posting("payable", Money(-5))),
}
"""Fields whose values a record checks when it is made; with its class where others differ."""

PLAIN: dict[Any, Any] = {
    str: "Zoë's “roof” & 1/2",
    int: 7,
    float: 0.1,
    bool: True,
    date: date(2028, 2, 29),
    datetime: datetime(2026, 3, 8, 7, 30, 0, 1, tzinfo=UTC),
    Money: Money(123_45),
    Secret: Secret("000123456787"),
}


CELLS: tuple[Any, ...] = (7, None, 0.1, "Zoë", True, [["a", 1], []])
"""What packed rows are made of: they come back from JSON, so that what lies within are lists."""


def fitting(kind: type, name: str) -> str:
    """Give the name that a field's value is looked up by."""
    own = f"{kind.__name__}.{name}"
    return own if own in FITTING else name


def example(hint: Any, name: str = "") -> Any:
    if name in FITTING:
        return float(FITTING[name]) if hint is float else FITTING[name]
    if hint in PLAIN:
        return PLAIN[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in {types.UnionType, typing.Union}:
        return example(next(one for one in arguments if one is not type(None)), name)
    if hint == tuple[Any, ...]:
        return CELLS
    if origin is tuple:
        members = arguments[:1] if arguments[-1] is Ellipsis else arguments
        return tuple(example(one) for one in members)
    if origin is frozenset:
        return frozenset({example(arguments[0])})
    if isinstance(hint, type) and issubclass(hint, Enum):
        return next(iter(hint))
    if is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        made = {
            one.name: example(hints[one.name], fitting(hint, one.name))
            for one in fields(hint)
            if one.init
        }
        return hint(**made)
    raise AssertionError(f"no example of {hint}")
