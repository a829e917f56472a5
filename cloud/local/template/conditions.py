"""The Conditions of a template: which of its resources and values a stage has.

After "Condition functions", AWS CloudFormation template reference.
"""

from collections.abc import Mapping
from typing import Any

from cloud.kernel.errors import BadInput

MOST_PARTS = 10
"""Fn::And and Fn::Or take two to ten."""


def truths(
    template: str, definitions: Mapping[str, Any], parameters: Mapping[str, str]
) -> dict[str, bool]:
    """Give what each condition comes to.

    Args:
        template: name of the template's file, for messages.
        definitions: the template's Conditions.
        parameters: their values; a condition may ask for nothing else.

    Raises:
        BadInput: a condition is of a kind that is not known here, rests on itself, or names what
            is not there.
    """
    found: dict[str, bool] = {}
    for name in definitions:
        _Reading(template, definitions, parameters, found).named(name, ())
    return found


class _Reading:
    """Works conditions out, each once."""

    def __init__(
        self,
        template: str,
        definitions: Mapping[str, Any],
        parameters: Mapping[str, str],
        found: dict[str, bool],
    ) -> None:
        self._template = template
        self._definitions = definitions
        self._parameters = parameters
        self._found = found

    def named(self, name: str, below: tuple[str, ...]) -> bool:
        if name not in self._definitions:
            raise self._wrong(below[-1] if below else name, f"{name} is no condition of it")
        if name in below:
            raise self._wrong(name, "it rests on itself")
        if name not in self._found:
            self._found[name] = self._truth(self._definitions[name], (*below, name))
        return self._found[name]

    def _truth(self, value: Any, below: tuple[str, ...]) -> bool:
        name = below[-1]
        if not isinstance(value, dict) or len(value) != 1:
            raise self._wrong(name, f"{value!r} is no condition function")
        function, argument = next(iter(value.items()))
        if function == "Condition" and isinstance(argument, str):
            return self.named(argument, below)
        if not isinstance(argument, list):
            raise self._wrong(name, f"{function} takes a list")
        if function == "Fn::Equals" and len(argument) == len(("left", "right")):
            left, right = (self._value(one, name) for one in argument)
            return left == right
        if function == "Fn::Not" and len(argument) == 1:
            return not self._truth(argument[0], below)
        if function in {"Fn::And", "Fn::Or"} and 1 < len(argument) <= MOST_PARTS:
            parts = [self._truth(one, below) for one in argument]
            return all(parts) if function == "Fn::And" else any(parts)
        raise self._wrong(name, f"{function} is not known here, or has the wrong number of parts")

    def _value(self, value: Any, name: str) -> str:
        if isinstance(value, dict) and set(value) == {"Ref"}:
            if value["Ref"] not in self._parameters:
                raise self._wrong(name, f"Ref {value['Ref']} names no parameter")
            return self._parameters[value["Ref"]]
        if isinstance(value, dict | list):
            raise self._wrong(name, f"{value!r} is neither a text nor a parameter")
        return str(value)

    def _wrong(self, name: str, why: str) -> BadInput:
        return BadInput(f"booting from {self._template}: condition {name}: {why}; correct it")
