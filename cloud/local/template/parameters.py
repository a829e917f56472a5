"""The values of a template's parameters: given or by default, and as the template allows them."""

import re
from collections.abc import Mapping
from typing import Any

from cloud.kernel.errors import BadInput

_KNOWN = frozenset(
    {
        "AllowedPattern",
        "AllowedValues",
        "ConstraintDescription",
        "Default",
        "Description",
        "MaxLength",
        "MaxValue",
        "MinLength",
        "MinValue",
        "NoEcho",
        "Type",
    }
)


def values(
    template: str, definitions: Mapping[str, Mapping[str, Any]], given: Mapping[str, str]
) -> dict[str, str]:
    """Give every parameter's value, as a text.

    After "CloudFormation template Parameters syntax", AWS CloudFormation user guide.

    Args:
        template: name of the template's file, for messages.
        definitions: the template's Parameters.
        given: values in the place of the defaults.

    Raises:
        BadInput: a parameter is not there, has no value, or its value is not allowed.
    """
    unknown = sorted(given.keys() - definitions.keys())
    if unknown:
        msg = f"{template} has no parameter {unknown[0]}: check its Parameters"
        raise BadInput(msg)
    return {name: _value(template, name, one, given) for name, one in definitions.items()}


def _value(
    template: str, name: str, definition: Mapping[str, Any], given: Mapping[str, str]
) -> str:
    kind = definition.get("Type")
    unknown = sorted(definition.keys() - _KNOWN)
    if unknown or kind not in {"String", "Number"}:
        what = unknown[0] if unknown else f"Type {kind}"
        raise _wrong(template, name, f"{what} is not known to the local runtime; take it out")
    if name not in given and "Default" not in definition:
        raise _wrong(template, name, "it has neither a value nor a Default; give it one")
    value = str(given[name] if name in given else definition["Default"])
    why = _fault(value, definition)
    if why is not None:
        raise _wrong(template, name, f"{value!r} {why}; change the value or the parameter")
    return value


def _wrong(template: str, name: str, why: str) -> BadInput:
    return BadInput(f"booting from {template}: parameter {name}: {why}")


def _fault(value: str, definition: Mapping[str, Any]) -> str | None:
    """Tell why a value is not allowed, or None; a pattern must fit all of it."""
    pattern = definition.get("AllowedPattern")
    if pattern is not None:
        try:
            if re.fullmatch(str(pattern), value) is None:
                return f"does not fit AllowedPattern {pattern}"
        except re.error as wrong:
            return f"cannot be held against AllowedPattern {pattern} ({wrong})"
    allowed = [str(one) for one in definition.get("AllowedValues", (value,))]
    if value not in allowed:
        return f"is not among AllowedValues {', '.join(allowed)}"
    measured = float(len(value))
    low, high = "MinLength", "MaxLength"
    if definition["Type"] == "Number":
        try:
            measured = float(value)
        except ValueError:
            return "is not a number"
        low, high = "MinValue", "MaxValue"
    if measured < float(definition.get(low, measured)):
        return f"is below {low} {definition[low]}"
    if measured > float(definition.get(high, measured)):
        return f"is above {high} {definition[high]}"
    return None
