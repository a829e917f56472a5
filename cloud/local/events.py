"""EventBridge: which targets an event goes to, what each of them gets, and what PutEvents takes.

After "Event buses in Amazon EventBridge", "Input transformation" (Amazon EventBridge user guide)
and "PutEvents" (Amazon EventBridge API reference). There is one bus, the default one.
"""

import json
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cloud.kernel.clock import Clock
from cloud.kernel.errors import BadInput, SunreeveError, Unavailable
from cloud.local import patterns, schedules
from cloud.local.dynamodb.hook import ServiceError
from cloud.local.queues import ACCOUNT, REGION

MAX_ENTRIES = 10
MAX_REQUEST_BYTES = 256 * 1024
MAX_TARGETS = 5
MAX_ATTEMPTS = 185
MAX_AGE_S = 24 * 60 * 60
MAX_VARIABLES = 100
_BUSES = ("", "default", f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default")


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one target is to get.

    Attributes:
        target_arn: a queue or a function.
        body: the text of the message, or the function's event as JSON.
        rule: name of the rule that asks for it.
        target_id: the target's name in its rule.
        dead_letter_arn: the queue for what cannot be delivered, if there is one.
        group_id: for a FIFO queue.
        max_attempts: how often it is tried again.
        max_age_s: how long it is tried.
        event_id: of the event that it comes from.
    """

    target_arn: str
    body: str
    rule: str
    target_id: str
    dead_letter_arn: str | None = None
    group_id: str | None = None
    max_attempts: int = MAX_ATTEMPTS
    max_age_s: int = MAX_AGE_S
    event_id: str = ""


Shape = Callable[["EventRule", Mapping[str, Any]], str]
"""Makes the body that a target gets of an event."""


@dataclass(frozen=True, slots=True)
class Target:
    """One target of a rule."""

    id: str
    arn: str
    shape: Shape
    dead_letter_arn: str | None
    group_id: str | None
    max_attempts: int
    max_age_s: int


@dataclass(frozen=True, slots=True)
class EventRule:
    """A rule of the default bus; it has a pattern, a schedule, or both."""

    name: str
    targets: tuple[Target, ...]
    pattern: patterns.Pattern | None = None
    schedule: schedules.Schedule | None = None
    is_enabled: bool = True

    @property
    def arn(self) -> str:
        """Give the rule's ARN."""
        return f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{self.name}"

    @classmethod
    def from_properties(cls, logical_id: str, properties: Mapping[str, Any]) -> "EventRule":
        """Read the properties of an `AWS::Events::Rule`.

        Args:
            logical_id: The name of the resource, which names a rule without a Name.
            properties: With every intrinsic function resolved.

        Raises:
            BadInput: Something in it is wrong or not known here; the message names it.
        """
        name = properties.get("Name", logical_id)
        if not isinstance(name, str) or not re.fullmatch(r"[\w.-]{1,64}", name, re.ASCII):
            raise BadInput(
                f"event rule {logical_id}: Name {name!r} is not 1 to 64 of A-Z 0-9 . - _"
            )
        reader = _Reader(name)
        reader.only(
            properties,
            "Name Description EventBusName EventPattern ScheduleExpression State Targets RoleArn"
            " Tags",
        )
        if properties.get("EventBusName", "") not in _BUSES:
            raise reader.fault(f"EventBusName {properties['EventBusName']!r}: only default exists")
        state = properties.get("State", "ENABLED")
        if state not in ("ENABLED", "DISABLED"):
            raise reader.fault(f"State {state!r} is not supported here")
        return cls(
            name=name,
            targets=reader.targets(properties.get("Targets", ())),
            is_enabled=state == "ENABLED",
            **reader.causes(properties),
        )


def route(rules: Iterable[EventRule], event: Mapping[str, Any]) -> list[Delivery]:
    """Give what an event brings about: for each enabled rule that wants it, all its targets."""
    return [
        delivery
        for rule in rules
        if rule.is_enabled and rule.pattern is not None and rule.pattern.matches(event)
        for delivery in deliveries(rule, event)
    ]


def deliveries(rule: EventRule, event: Mapping[str, Any]) -> list[Delivery]:
    """Give what a rule's targets get of an event, whether its pattern wants it or not."""
    return [
        Delivery(
            target_arn=target.arn,
            body=target.shape(rule, event),
            rule=rule.name,
            target_id=target.id,
            dead_letter_arn=target.dead_letter_arn,
            group_id=target.group_id,
            max_attempts=target.max_attempts,
            max_age_s=target.max_age_s,
            event_id=str(event.get("id", "")),
        )
        for target in rule.targets
    ]


# ---- events -------------------------------------------------------------------------------------


def _envelope(
    *,
    event_id: str,
    source: str,
    detail_type: str,
    now: datetime,
    resources: Sequence[str],
    detail: Mapping[str, Any],
) -> dict[str, Any]:
    return {
        "version": "0",
        "id": event_id,
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT,
        "time": f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "region": REGION,
        "resources": list(resources),
        "detail": dict(detail),
    }


def s3_created(
    *,
    bucket: str,
    key: str,
    size: int,
    etag: str,
    now: datetime,
    id: str,  # noqa: A002
) -> dict[str, Any]:
    """Give the event that S3 sends of a new object ("Event message structure", Amazon S3).

    The key stands as it is, not URL-encoded as in S3's own notifications.
    """
    return _envelope(
        event_id=id,
        source="aws.s3",
        detail_type="Object Created",
        now=now,
        resources=[f"arn:aws:s3:::{bucket}"],
        detail={
            "version": "0",
            "bucket": {"name": bucket},
            "object": {
                "key": key,
                "size": size,
                "etag": etag.strip('"'),
                "sequencer": f"{int(now.timestamp() * 1_000_000):018X}",
            },
            "request-id": id.replace("-", "")[:16].upper(),
            "requester": ACCOUNT,
            "source-ip-address": "127.0.0.1",
            "reason": "PutObject",
        },
    )


def scheduled(rule: EventRule, *, at: datetime, id: str) -> dict[str, Any]:  # noqa: A002
    """Give the event that a rule's own schedule makes, for the instant it was due."""
    return _envelope(
        event_id=id,
        source="aws.events",
        detail_type="Scheduled Event",
        now=at,
        resources=[rule.arn],
        detail={},
    )


# ---- the bus ------------------------------------------------------------------------------------


def _nobody(delivery: Delivery) -> None:
    raise Unavailable(
        f"event rule {delivery.rule}: nothing delivers to {delivery.target_arn}; give Buses a"
        " deliver function"
    )


class Buses:
    """The default bus: it keeps the rules, and hands what they ask for to `deliver`.

    `deliver` returns when the delivery is kept for good, in a queue or in the runtime's list of
    calls; only then is PutEvents answered.
    """

    def __init__(
        self,
        rules: Mapping[str, Mapping[str, Any]],
        clock: Clock,
        *,
        deliver: Callable[[Delivery], None] = _nobody,
    ) -> None:
        """Read the rules.

        Args:
            rules: The properties of each `AWS::Events::Rule` by its logical id.
            clock: Dates the events.
            deliver: Takes what a target is to get; it raises what can be tried again.

        Raises:
            BadInput: A rule is wrong or has something that is not known here.
        """
        self.rules = tuple(EventRule.from_properties(name, rules[name]) for name in rules)
        names = [rule.name for rule in self.rules]
        if twins := sorted({name for name in names if names.count(name) > 1}):
            raise BadInput(f"event rule {twins[0]}: two rules have this name; rename one")
        self._clock = clock
        self._deliver = deliver

    def publish(self, event: Mapping[str, Any]) -> int:
        """Deliver an event to whoever wants it, and give how many targets that were.

        Raises:
            SunreeveError: A delivery was not kept; the others before it were.
        """
        found = route(self.rules, event)
        for delivery in found:
            self._deliver(delivery)
        return len(found)

    def fire(self, rule: EventRule, at: datetime) -> int:
        """Do what a rule's schedule asks for at an instant; the same instant gives the same event.

        Raises:
            SunreeveError: A delivery was not kept.
        """
        found = deliveries(
            rule, scheduled(rule, at=at, id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{rule.arn}@{at}")))
        )
        for delivery in found:
            self._deliver(delivery)
        return len(found)

    def call(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one call of boto3's EventBridge client.

        Raises:
            ServiceError: Another operation than PutEvents, or a request that is too large.
        """
        if operation != "PutEvents":
            message = f"EventBridge {operation} is not supported here"
            raise ServiceError("UnsupportedOperationException", message)
        entries = parameters.get("Entries", ())
        if not 1 <= len(entries) <= MAX_ENTRIES:
            message = f"Entries: there are {len(entries)}, and a request has 1 to {MAX_ENTRIES}"
            raise ServiceError("ValidationException", message)
        if sum(map(entry_bytes, entries)) > MAX_REQUEST_BYTES:
            message = "Total size of the entries in the request is over the limit."
            raise ServiceError("ValidationException", message)
        answers = [self._put(entry) for entry in entries]
        failed = sum("ErrorCode" in answer for answer in answers)
        return {"FailedEntryCount": failed, "Entries": answers}

    def _put(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        event_id = str(uuid.uuid4())
        read = _read_entry(entry, event_id, self._clock.now())
        if isinstance(read, _Fault):
            return {"ErrorCode": read.code, "ErrorMessage": read.message}
        try:
            self.publish(read)
        except SunreeveError as fault:
            return {"ErrorCode": "InternalFailure", "ErrorMessage": str(fault)}
        return {"EventId": event_id}


def entry_bytes(entry: Mapping[str, Any]) -> int:
    """Measure an entry ("Calculating PutEvents event entry size"); a Time counts for 14 bytes."""
    texts = [entry.get(name) or "" for name in ("Source", "DetailType", "Detail")]
    texts += entry.get("Resources") or ()
    size = sum(len(str(text).encode(errors="surrogatepass")) for text in texts)
    return size + (14 if entry.get("Time") is not None else 0)


@dataclass(frozen=True, slots=True)
class _Fault:
    code: str
    message: str


def _argument(name: str, why: str) -> _Fault:
    return _Fault("InvalidArgument", f"Parameter {name} is not valid. Reason: {why}")


def _read_entry(entry: Mapping[str, Any], event_id: str, now: datetime) -> dict[str, Any] | _Fault:
    """Read one entry into an event, or tell why it is none; the others are not touched."""
    for name in ("Source", "DetailType", "Detail"):
        if not isinstance(entry.get(name), str) or not entry[name]:
            return _argument(name, f"{name} is a required argument.")
    if entry["Source"].lower().startswith("aws."):
        return _Fault("NotAuthorizedForSource", "Not authorized for the source.")
    if (entry.get("EventBusName") or "") not in _BUSES:
        return _argument("EventBusName", f"Event bus {entry['EventBusName']} does not exist.")
    try:
        detail = json.loads(entry["Detail"], parse_constant=_refuse_constant)
        _dumped(detail).encode()  # half of a surrogate pair cannot be sent on
    except (ValueError, RecursionError):
        return _Fault("MalformedDetail", "Detail is malformed.")
    if not isinstance(detail, dict):
        return _Fault("MalformedDetail", "Detail is malformed: it must be a JSON object.")
    at = _moment(entry.get("Time"), now)
    if at is None:
        return _argument("Time", "Time is not a timestamp.")
    return _envelope(
        event_id=event_id,
        source=entry["Source"],
        detail_type=entry["DetailType"],
        now=at,
        resources=entry.get("Resources") or (),
        detail=detail,
    )


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


def _moment(given: Any, now: datetime) -> datetime | None:
    """Read a Time as boto3 takes one: a datetime, seconds since 1970, or ISO text."""
    if given is None:
        return now
    try:
        if isinstance(given, (int, float)):
            return datetime.fromtimestamp(given, UTC)
        read = given if isinstance(given, datetime) else datetime.fromisoformat(str(given))
    except (ValueError, OverflowError, OSError):
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


# ---- reading a rule -----------------------------------------------------------------------------

_TARGET_ARN = re.compile(r"arn:aws:(?:lambda:[\w-]+:\d{12}:function|sqs:[\w-]+:\d{12}):[\w.:-]+")
_QUEUE_ARN = re.compile(r"arn:aws:sqs:[\w-]+:\d{12}:[\w.-]+")


class _Reader:
    """Reads the parts of one rule; what it says when something is wrong begins with its name."""

    def __init__(self, rule: str) -> None:
        self._rule = rule

    def fault(self, why: str) -> BadInput:
        return BadInput(f"event rule {self._rule}: {why}")

    def only(self, given: Any, known: str, place: str = "") -> None:
        if not isinstance(given, Mapping):
            raise self.fault(f"{place or 'the rule'} is not an object but {given!r}"[:200])
        if unknown := sorted(str(name) for name in set(given) - set(known.split())):
            raise self.fault(f"{place}{' ' if place else ''}{unknown[0]} is not supported here")

    def causes(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Read what makes the rule act."""
        pattern, expression = properties.get("EventPattern"), properties.get("ScheduleExpression")
        if pattern is None and expression is None:
            raise self.fault("give it an EventPattern or a ScheduleExpression")
        causes: dict[str, Any] = {}
        try:
            if pattern is not None:
                causes["pattern"] = patterns.parse(pattern)
            if expression is not None:
                causes["schedule"] = self._schedule(str(expression))
        except (BadInput, ValueError) as wrong:
            raise self.fault(str(wrong)) from wrong
        if causes.get("pattern") == patterns.Pattern():
            raise self.fault("EventPattern: an empty pattern is not allowed")
        return causes

    def _schedule(self, expression: str) -> schedules.Schedule:
        """Read a rule's schedule, which is in UTC and counts units as grammar does."""
        if found := re.fullmatch(r"rate\((\d+) (minute|hour|day)(s?)\)", expression):
            if (int(found[1]) == 1) == bool(found[3]):
                raise self.fault(f"ScheduleExpression {expression}: rate(1 day), but rate(2 days)")
        elif not expression.startswith("cron("):
            raise self.fault(f"ScheduleExpression {expression!r} is neither rate(..) nor cron(..)")
        return schedules.parse(expression)

    def targets(self, given: Any) -> tuple[Target, ...]:
        if not isinstance(given, (list, tuple)) or len(given) > MAX_TARGETS:
            raise self.fault(f"Targets is a list of at most {MAX_TARGETS}")
        read = tuple(self._target(one) for one in given)
        ids = [target.id for target in read]
        if len(set(ids)) != len(ids):
            raise self.fault("two targets have the same Id")
        return read

    def _target(self, given: Any) -> Target:
        self.only(
            given,
            "Id Arn Input InputPath InputTransformer RoleArn DeadLetterConfig RetryPolicy"
            " SqsParameters",
            "target",
        )
        target_id, arn = given.get("Id"), given.get("Arn")
        if not isinstance(target_id, str) or not re.fullmatch(r"[\w.-]{1,64}", target_id, re.ASCII):
            raise self.fault(f"target Id {target_id!r} is not 1 to 64 of A-Z 0-9 . - _")
        if not isinstance(arn, str) or not _TARGET_ARN.fullmatch(arn):
            raise self.fault(f"target {target_id}: Arn {arn!r} is neither a function nor a queue")
        return Target(
            id=target_id,
            arn=arn,
            shape=self._shape(target_id, given),
            dead_letter_arn=self._dead_letter_arn(target_id, given.get("DeadLetterConfig", {})),
            group_id=self._group_id(target_id, arn, given.get("SqsParameters", {})),
            **self._retries(target_id, given.get("RetryPolicy", {})),
        )

    def _dead_letter_arn(self, target: str, given: Any) -> str | None:
        self.only(given, "Arn", f"target {target}: DeadLetterConfig")
        arn = given.get("Arn")
        if arn is not None and (not isinstance(arn, str) or not _QUEUE_ARN.fullmatch(arn)):
            raise self.fault(f"target {target}: DeadLetterConfig Arn {arn!r} is not a queue")
        return None if arn is None else str(arn)

    def _group_id(self, target: str, arn: str, given: Any) -> str | None:
        self.only(given, "MessageGroupId", f"target {target}: SqsParameters")
        group_id: str | None = given.get("MessageGroupId")
        if arn.endswith(".fifo") != isinstance(group_id, str):
            raise self.fault(
                f"target {target}: a FIFO queue, and nothing else, has a MessageGroupId"
            )
        return group_id

    def _retries(self, target: str, given: Any) -> dict[str, int]:
        place = f"target {target}: RetryPolicy"
        self.only(given, "MaximumRetryAttempts MaximumEventAgeInSeconds", place)
        read = {}
        for member, name, low, high in (
            ("max_attempts", "MaximumRetryAttempts", 0, MAX_ATTEMPTS),
            ("max_age_s", "MaximumEventAgeInSeconds", 60, MAX_AGE_S),
        ):
            value = given.get(name, high)
            if not re.fullmatch(r"\d{1,6}", str(value)) or not low <= int(value) <= high:
                raise self.fault(f"{place} {name} {value!r} is not {low} to {high}")
            read[member] = int(value)
        return read

    # ---- what a target gets -------------------------------------------------------------------

    def _shape(self, target: str, given: Mapping[str, Any]) -> Shape:
        forms = [name for name in ("Input", "InputPath", "InputTransformer") if name in given]
        if len(forms) > 1:
            raise self.fault(f"target {target}: only one of {' and '.join(forms)}")
        if not forms:
            return lambda _, event: _dumped(event)
        if forms == ["Input"]:
            return self._constant(target, given["Input"])
        if forms == ["InputPath"]:
            path = self._path(target, given["InputPath"])
            return lambda _, event: _dumped(_look_up(event, path))
        return self._transformer(target, given["InputTransformer"])

    def _constant(self, target: str, text: Any) -> Shape:
        try:
            json.loads(text)
        except (TypeError, ValueError, RecursionError) as wrong:
            raise self.fault(f"target {target}: Input is not JSON text ({wrong})") from wrong
        return lambda *_: str(text)

    def _path(self, target: str, given: Any) -> tuple[str | int, ...]:
        """Read `$`, `$.detail.list[0].name`: dots, names and places in arrays; no wildcards."""
        text = str(given)
        if not re.fullmatch(r"\$(?:\.[\w/-]+(?:\[\d{1,6}\])*)*", text):
            raise self.fault(f"target {target}: {text!r} is not a path such as $.detail.state")
        steps = re.findall(r"\.([\w/-]+)|\[(\d+)\]", text)
        return tuple(name or int(place) for name, place in steps)

    def _transformer(self, target: str, given: Any) -> Shape:
        place = f"target {target}: InputTransformer"
        self.only(given, "InputPathsMap InputTemplate", place)
        paths = given.get("InputPathsMap") or {}
        if not isinstance(paths, Mapping) or len(paths) > MAX_VARIABLES:
            raise self.fault(f"{place} InputPathsMap is an object of at most {MAX_VARIABLES}")
        for name in paths:
            if not re.fullmatch(r"[\w-]{1,256}", str(name)) or name.lower().startswith("aws."):
                raise self.fault(f"{place}: {name!r} is not the name of a variable")
        read = {name: self._path(target, path) for name, path in paths.items()}
        template = given.get("InputTemplate")
        if not isinstance(template, str) or not 1 <= len(template) <= 8192:
            raise self.fault(f"{place} InputTemplate is a text of 1 to 8192 characters")
        pieces = self._pieces(place, template, {*read, *_PREDEFINED})
        return lambda rule, event: _filled(pieces, _values(read, rule, event))

    def _pieces(self, place: str, template: str, known: set[str]) -> tuple["_Piece", ...]:
        pieces = tuple(_cut(template))
        for piece in pieces:
            if piece.variable and piece.variable not in known:
                raise self.fault(f"{place}: <{piece.variable}> is not in InputPathsMap")
        tried = _filled(pieces, dict.fromkeys(known))
        if not all(_is_json(part) for part in _parts(tried)):
            raise self.fault(f"{place} InputTemplate is neither JSON nor lines of JSON strings")
        return pieces


_PREDEFINED = {
    "aws.events.rule-arn",
    "aws.events.rule-name",
    "aws.events.event.ingestion-time",
    "aws.events.event",
    "aws.events.event.json",
}


@dataclass(frozen=True, slots=True)
class _Piece:
    """Text of a template, or a variable and whether it stands within a string."""

    text: str = ""
    variable: str = ""
    is_in_string: bool = False


def _cut(template: str) -> Iterator[_Piece]:
    is_in_string = False
    for found in re.finditer(r'<([\w.-]+)>|\\.|"|[^<"\\]+|.', template, re.DOTALL):
        if found[1]:
            yield _Piece(variable=found[1], is_in_string=is_in_string)
            continue
        if found[0] == '"':
            is_in_string = not is_in_string
        yield _Piece(found[0])


def _filled(pieces: Iterable[_Piece], values: Mapping[str, Any]) -> str:
    """Fill a template; what is not in the event is null, and nothing within a string."""
    return "".join(
        _in_string(values.get(piece.variable))
        if piece.is_in_string
        else _dumped(values.get(piece.variable))
        if piece.variable
        else piece.text
        for piece in pieces
    )


def _in_string(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else _dumped(value)
    return _dumped(text)[1:-1]


def _values(
    paths: Mapping[str, tuple[str | int, ...]], rule: EventRule, event: Mapping[str, Any]
) -> dict[str, Any]:
    """Give the variables' values; the event came in at its own time, as far as is known here."""
    return {
        **{name: _look_up(event, path) for name, path in paths.items()},
        "aws.events.rule-arn": rule.arn,
        "aws.events.rule-name": rule.name,
        "aws.events.event.ingestion-time": event.get("time"),
        "aws.events.event": {name: event[name] for name in event if name != "detail"},
        "aws.events.event.json": dict(event),
    }


def _look_up(event: Any, path: Sequence[str | int]) -> Any:
    for step in path:
        if isinstance(step, int):
            event = event[step] if isinstance(event, list) and step < len(event) else None
        else:
            event = event.get(step) if isinstance(event, Mapping) else None
    return event


def _parts(text: str) -> list[str]:
    """Give the one JSON value, or the lines of a text of several strings."""
    if _is_json(text):
        return [text]
    return [line for line in text.splitlines() if line.strip()] or [text]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _dumped(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
