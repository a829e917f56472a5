"""An IoT policy document put to use: who may connect, publish, subscribe and receive.

After "AWS IoT Core policies", "AWS IoT Core policy variables" and "Thing policy variables", AWS IoT
Core developer guide. The broker of this machine asks it, and so does `infra/iot_policy.py`, which
looks for devices that could reach what is another's.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cloud.kernel.errors import BadInput

Authorise = Callable[[str, str, str], bool]
"""Takes a client's name, an action and a resource such as `topic/sr/v1/home-1/e`."""

ACTIONS = frozenset(
    {"iot:Connect", "iot:Publish", "iot:RetainPublish", "iot:Subscribe", "iot:Receive"}
)
_RESOURCE_KINDS = ("client", "topic", "topicfilter")
THING_NAME = "iot:Connection.Thing.ThingName"
IS_ATTACHED = "iot:Connection.Thing.IsAttached"
_VARIABLES = {"iot:Connection.Thing.ThingName", "iot:ClientId"}
_LITERAL = frozenset("*?$")
"""`${*}` is a star that is no wildcard."""
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_ARN = re.compile(r"arn:aws[a-z-]*:iot:[^:]*:[^:]*:(?P<resource>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Connected:
    """What a policy may ask about a connection.

    Attributes:
        client_id: under which the client connected.
        thing: name of the thing that its certificate is attached to, where there is one.
    """

    client_id: str
    thing: str | None = None

    def variable(self, name: str) -> str | None:
        """Give what stands for a variable, None where this connection has none of that name."""
        return self.thing if name == THING_NAME else self.client_id


@dataclass(frozen=True, slots=True)
class _Statement:
    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    wants_attached: bool | None = None
    """What `IsAttached` has to be; None where the statement does not ask."""

    def is_about(self, connected: Connected, action: str, resource: str) -> bool:
        is_attached = connected.thing is not None
        if self.wants_attached is not None and self.wants_attached != is_attached:
            return False
        return any(_covers(pattern, action) for pattern in self.actions) and any(
            _covers_for(connected, pattern, resource) for pattern in self.resources
        )


class Policy:
    """One policy document, an `Authorise`: as on IoT Core a Deny wins, and silence is a no.

    It holds the actions of a device's connection, the variables of the thing's name and of the
    client id, and the condition that a thing is attached. What else a document may hold on AWS
    (other conditions and variables, `NotAction`) is refused when it is read, because a policy that
    is half understood would grant too much or too little.
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
        """Tell whether a thing that is connected under its own name may do something.

        The resource is of this account: `client/..`, `topic/..` or `topicfilter/..`.
        """
        return self._remembered(Connected(thing, thing), action, resource)

    def allows(self, connected: Connected, action: str, resource: str) -> bool:
        """Tell the same of any connection; where a variable has no value, nothing matches."""
        return self._remembered(connected, action, resource)

    def _decide(self, connected: Connected, action: str, resource: str) -> bool:
        found = [
            statement.allows
            for statement in self._statements
            if statement.is_about(connected, action, resource)
        ]
        return bool(found) and all(found)


def _read_statement(statement: Mapping[str, Any]) -> _Statement:
    unknown = set(statement) - {"Sid", "Effect", "Action", "Resource", "Condition"}
    if unknown:
        raise BadInput(f"IoT policy: {sorted(unknown)} in a statement is not supported here")
    effect = statement.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise BadInput(f"IoT policy: Effect {effect!r} is neither Allow nor Deny")
    actions = tuple(_read_action(action) for action in _listed(statement.get("Action")))
    resources = tuple(_read_resource(arn) for arn in _listed(statement.get("Resource")))
    if not actions or not resources:
        raise BadInput("IoT policy: a statement names no Action or no Resource")
    wants = _read_condition(statement["Condition"]) if "Condition" in statement else None
    return _Statement(effect == "Allow", actions, resources, wants)


def _read_condition(condition: Any) -> bool:
    """Give what `{"Bool": {"iot:Connection.Thing.IsAttached": "true"}}` wants; it alone is known.

    The value may be a list of one, as AWS's own examples write it.
    """
    try:
        ((operator, keys),) = condition.items()
        ((key, value),) = keys.items()
        (wanted,) = _listed(value)
        if (operator, key) == ("Bool", IS_ATTACHED):
            return {"true": True, "false": False}[str(wanted).lower()]
    except (AttributeError, KeyError, TypeError, ValueError):
        pass
    raise BadInput(f"IoT policy: Condition {condition!r} is not Bool of {IS_ATTACHED} alone")


def _listed(value: Any) -> Sequence[Any]:
    if value is None:
        return ()
    return value if isinstance(value, list) else (value,)


def _read_action(action: Any) -> str:
    if not isinstance(action, str) or not any(_covers(action, known) for known in ACTIONS):
        raise BadInput(f"IoT policy: action {action!r} is none of {sorted(ACTIONS)}")
    return action


def _read_resource(arn: Any) -> str:
    """Keep what follows region and account: there is one of each here."""
    if arn == "*":
        return "*"
    found = _ARN.fullmatch(arn) if isinstance(arn, str) else None
    if not found or found["resource"].split("/")[0] not in _RESOURCE_KINDS:
        raise BadInput(f"IoT policy: resource {arn!r} is not a client, topic or topicfilter/..")
    resource = found["resource"]
    names = set(_VARIABLE.findall(resource))
    if names - _VARIABLES - _LITERAL or "${" in _VARIABLE.sub("", resource):
        known = " and ".join(f"${{{name}}}" for name in sorted(_VARIABLES))
        raise BadInput(f"IoT policy: {arn!r} has a variable other than {known}")
    return resource


def _covers_for(connected: Connected, pattern: str, resource: str) -> bool:
    """Match a resource with the variables put in, where a `*` would be no wildcard."""
    expression = ""
    # Every second part is the name of a variable.
    for place, part in enumerate(_VARIABLE.split(pattern)):
        if not place % 2:
            expression += _expression(part)
            continue
        value = part if part in _LITERAL else connected.variable(part)
        if not value:
            return False
        expression += re.escape(value)
    return re.fullmatch(expression, resource, re.DOTALL) is not None


def _covers(pattern: str, text: str) -> bool:
    return re.fullmatch(_expression(pattern), text, re.DOTALL) is not None


def _expression(pattern: str) -> str:
    """Read `*` as any letters, slashes too, and `?` as one letter.

    `+` and `#` are letters: in a policy they do not match as in a filter ("Using wildcard
    characters in MQTT and AWS IoT Core policies").
    """
    return re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
