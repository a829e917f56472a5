"""An IoT policy document put to use: who may connect, publish, subscribe and receive.

After "AWS IoT Core policies" and "Thing policy variables", AWS IoT Core developer guide.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cloud.kernel.errors import BadInput

Authorise = Callable[[str, str, str], bool]
"""Takes a thing's name, an action and a resource such as `topic/sr/v1/home-1/e`."""

ACTIONS = frozenset(
    {"iot:Connect", "iot:Publish", "iot:RetainPublish", "iot:Subscribe", "iot:Receive"}
)
_RESOURCE_KINDS = ("client", "topic", "topicfilter")
_THING = "${iot:Connection.Thing.ThingName}"
_ARN = re.compile(r"arn:aws[a-z-]*:iot:[^:]*:[^:]*:(?P<resource>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Statement:
    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]


class Policy:
    """One policy document, an `Authorise`: as on IoT Core a Deny wins, and silence is a no.

    It holds the actions of a device's connection and one variable, the thing's name; what else a
    document may hold on AWS (conditions, other variables, `NotAction`) is refused when it is read,
    because a policy that is half understood would grant too much or too little.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Read a document (the parsed JSON).

        Raises:
            BadInput: A key, action, resource or variable is not known here.
        """
        statements = _listed(document.get("Statement"))
        if not statements:
            raise BadInput("IoT policy: there is no Statement")
        self._statements = tuple(map(_read_statement, statements))
        self._remembered = lru_cache(maxsize=65536)(self._decide)

    def __call__(self, thing: str, action: str, resource: str) -> bool:
        """Tell whether a thing may do something to a resource (`client/..`, `topic/..`)."""
        return self._remembered(thing, action, resource)

    def _decide(self, thing: str, action: str, resource: str) -> bool:
        found = [
            statement.allows
            for statement in self._statements
            if any(_covers(pattern, action) for pattern in statement.actions)
            and any(_covers_for(thing, pattern, resource) for pattern in statement.resources)
        ]
        return bool(found) and all(found)


def _read_statement(statement: Mapping[str, Any]) -> _Statement:
    unknown = set(statement) - {"Sid", "Effect", "Action", "Resource"}
    if unknown:
        raise BadInput(f"IoT policy: {sorted(unknown)} in a statement is not supported here")
    effect = statement.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise BadInput(f"IoT policy: Effect {effect!r} is neither Allow nor Deny")
    actions = tuple(_read_action(action) for action in _listed(statement.get("Action")))
    resources = tuple(_read_resource(arn) for arn in _listed(statement.get("Resource")))
    if not actions or not resources:
        raise BadInput("IoT policy: a statement names no Action or no Resource")
    return _Statement(effect == "Allow", actions, resources)


def _listed(value: Any) -> Sequence[Any]:
    if value is None:
        return ()
    return value if isinstance(value, list) else (value,)


def _read_action(action: str) -> str:
    if not any(_covers(action, known) for known in ACTIONS):
        raise BadInput(f"IoT policy: action {action!r} is none of {sorted(ACTIONS)}")
    return action


def _read_resource(arn: str) -> str:
    """Keep what follows region and account: there is one of each here."""
    if arn == "*":
        return arn
    found = _ARN.fullmatch(arn)
    if not found or found["resource"].split("/")[0] not in _RESOURCE_KINDS:
        raise BadInput(f"IoT policy: resource {arn!r} is not a client, topic or topicfilter/..")
    if "${" in found["resource"].replace(_THING, ""):
        raise BadInput(f"IoT policy: {arn!r} has a variable other than {_THING}")
    return found["resource"]


def _covers_for(thing: str, pattern: str, resource: str) -> bool:
    """Match a resource with the thing's name put in, where a `*` would be no wildcard."""
    parts = pattern.split(_THING)
    expression = re.escape(thing).join(map(_expression, parts))
    return re.fullmatch(expression, resource, re.DOTALL) is not None


def _covers(pattern: str, text: str) -> bool:
    return re.fullmatch(_expression(pattern), text, re.DOTALL) is not None


def _expression(pattern: str) -> str:
    """Read `*` as any letters, slashes too, and `?` as one letter.

    `+` and `#` are letters: in a policy they do not match as in a filter ("Using wildcard
    characters in MQTT and AWS IoT Core policies").
    """
    return re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
