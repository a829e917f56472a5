"""What the signer of a form allows its sender (Amazon S3 API reference, "POST Policy")."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cloud.local.dynamodb.hook import ServiceError
from cloud.local.s3.errors import denied

_FREE = frozenset({"policy", "x-amz-signature", "file"})
"""Fields that no condition need name; neither need those that begin with x-ignore-."""
_MOMENTS = ("%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class _Condition:
    """That one field is a text, or starts with it; `told` is how a refusal shows it."""

    name: str
    text: str
    is_prefix: bool
    told: str

    def holds(self, value: str | None) -> bool:
        """Tell whether a field's value is allowed; one that is absent never is.

        A content type that starts with something may be a list, of which each must.
        """
        if value is None:
            return False
        if not self.is_prefix:
            return value == self.text
        values = value.split(",") if self.name == "content-type" else [value]
        return all(one.strip().startswith(self.text) for one in values)


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy that was read; nothing is said yet of who signed it."""

    expires_at: datetime
    conditions: tuple[_Condition, ...]
    sizes: tuple[range, ...]

    def check(self, fields: Mapping[str, str], *, size: int, now: datetime) -> None:
        """See that a form keeps to the policy.

        Args:
            fields: of the form, and the bucket, names in lower case.
            size: of the file in bytes.
            now: the present instant.

        Raises:
            ServiceError: it does not.
        """
        if now >= self.expires_at:
            raise denied("Invalid according to Policy: Policy expired.")
        for condition in self.conditions:
            if not condition.holds(fields.get(condition.name)):
                raise denied(
                    f"Invalid according to Policy: Policy Condition failed: {condition.told}"
                )
        named = {condition.name for condition in self.conditions} | _FREE
        extra = [name for name in fields if name not in named and not name.startswith("x-ignore-")]
        if extra:
            raise denied(f"Invalid according to Policy: Extra input fields: {', '.join(extra)}")
        for allowed in self.sizes:
            if size >= allowed.stop:
                message = "Your proposed upload exceeds the maximum allowed size"
                raise ServiceError("EntityTooLarge", message, 400)
            if size < allowed.start:
                message = "Your proposed upload is smaller than the minimum allowed size"
                raise ServiceError("EntityTooSmall", message, 400)


def read(encoded: str) -> Policy:
    """Read a policy as a form holds it, JSON in base64.

    Raises:
        ServiceError: it is not one.
    """
    try:
        document = json.loads(base64.b64decode(encoded.encode(), validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise _wrong("Invalid JSON in base64.") from None
    if not isinstance(document, dict) or set(document) != {"expiration", "conditions"}:
        raise _wrong("it has an expiration and conditions, and nothing else.")
    conditions: list[_Condition] = []
    sizes: list[range] = []
    if not isinstance(document["conditions"], list):
        raise _wrong("conditions is a list.")
    for given in document["conditions"]:
        if isinstance(given, list) and given and _lower(given[0]) == "content-length-range":
            sizes.append(_sizes(given))
        else:
            conditions += _conditions(given)
    return Policy(_expiration(document["expiration"]), tuple(conditions), tuple(sizes))


def _conditions(given: Any) -> list[_Condition]:
    pairs: list[tuple[Any, Any, Any]]
    if isinstance(given, dict) and given:
        pairs = [("eq", f"${name}", text) for name, text in given.items()]
    elif isinstance(given, list) and len(given) == 3:
        pairs = [(given[0], given[1], given[2])]
    else:
        raise _wrong("a condition is {name: text} or [operator, $name, text].")
    found: list[_Condition] = []
    for operator, name, text in pairs:
        is_known = _lower(operator) in {"eq", "starts-with"}
        if not is_known or not _lower(name).startswith("$") or not isinstance(text, str):
            raise _wrong("a condition is eq or starts-with, of a $name, with a text.")
        told = json.dumps(given if isinstance(given, list) else [operator, name, text])
        found.append(_Condition(_lower(name)[1:], text, _lower(operator) == "starts-with", told))
    return found


def _sizes(given: list[Any]) -> range:
    bounds = given[1:]
    if len(bounds) != 2 or not all(type(one) is int and one >= 0 for one in bounds):
        raise _wrong("content-length-range has a least and a largest number of bytes.")
    return range(bounds[0], bounds[1] + 1)


def _expiration(given: Any) -> datetime:
    for form in _MOMENTS:
        try:
            return datetime.strptime(given, form).replace(tzinfo=UTC)
        except (TypeError, ValueError):
            continue
    raise _wrong("Invalid 'expiration' value: it is a moment such as 2026-06-08T13:00:00.000Z.")


def _lower(given: Any) -> str:
    return given.lower() if isinstance(given, str) else ""


def _wrong(message: str) -> ServiceError:
    return ServiceError("InvalidPolicyDocument", f"Invalid Policy: {message}", 400)
