"""All that a template describes, resolved to plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cloud.kernel.errors import BadInput
from cloud.local.patterns import Pattern

ACCOUNT = "000000000000"
REGION = "us-east-1"
QUEUE_URL = f"http://127.0.0.1/{ACCOUNT}/"

Resource = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function.

    Attributes:
        environment: the only environment that its module sees when it is imported.
        due_index: table, index and key of the sparse index that its minute schedule sweeps; the
            clock asks it for the next due instant instead of firing every minute.
        only_looks: it tells what stands still and changes nothing, so that the clock stops for none
            of its schedules and it is called once a simulated day.
        reserved_concurrency: the most calls at once; None for the machine's own limit.
        retries: how often a call that nobody waits for is tried again.
        most_event_age_s: how long such a call is kept trying.
        on_failure: the queue that its record goes to in the end.
    """

    name: str
    handler: str
    timeout_s: int
    environment: Mapping[str, str]
    due_index: Mapping[str, str] | None = None
    only_looks: bool = False
    reserved_concurrency: int | None = None
    retries: int = 2
    most_event_age_s: int = 6 * 3600
    on_failure: str | None = None


@dataclass(frozen=True, slots=True)
class Mapped:
    """An event source mapping: this queue, or this table's stream, feeds that function.

    Attributes:
        source: the queue's or the table's name.
        is_stream: whether it is a table's stream.
        filters: a record goes to the function when one of them matches, or when there is none.
        most_retries: of a stream's batch; None for ever.
        on_failure: the queue that is told of what a stream gave up.
    """

    name: str
    source: str
    is_stream: bool
    function: str
    batch_size: int
    reports_failures: bool
    filters: tuple[Pattern, ...] = ()
    starting_position: str = "LATEST"
    most_retries: int | None = None
    on_failure: str | None = None


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A schedule: this expression fires that function with an input.

    Attributes:
        dead_letters: the queue of what EventBridge could not hand over; here it always can.
    """

    name: str
    expression: str
    timezone: str
    function: str
    input: Mapping[str, Any]
    is_enabled: bool = True
    dead_letters: str | None = None


@dataclass(frozen=True, slots=True)
class Authorizer:
    """A function that says who calls; its answer is kept for a while for the same token."""

    function: str
    kept_s: int


@dataclass(frozen=True, slots=True)
class Route:
    """An HTTP API route: any method below the prefix, or on just that path, goes to the function.

    Attributes:
        authorizer: None where anybody may call.
        is_exact: the prefix is the whole path.
    """

    prefix: str
    function: str
    authorizer: Authorizer | None
    is_exact: bool = False

    @property
    def path(self) -> str:
        """The path as the template writes it."""
        return self.prefix if self.is_exact else f"{self.prefix}{{proxy+}}"

    def takes(self, path: str) -> bool:
        """Tell whether a request's path is this route's."""
        if self.is_exact:
            return path == self.prefix
        return path.startswith(self.prefix) and path != self.prefix


@dataclass(frozen=True, slots=True)
class Stack:
    """A template's resources by kind.

    Attributes:
        user_pools: logical name of each pool -> the URL of the issuer that stands for it.
        scopes: every scope of the pools' resource servers, as a token carries it.
    """

    functions: Mapping[str, Function]
    tables: Mapping[str, Resource]
    queues: Mapping[str, Resource]
    buckets: Mapping[str, Resource]
    mappings: tuple[Mapped, ...]
    schedules: tuple[Scheduled, ...]
    topic_rules: Mapping[str, Resource]
    event_rules: Mapping[str, Resource]
    receipt_rules: Mapping[str, Resource]
    keys: Mapping[str, Resource]
    key_aliases: Mapping[str, Resource]
    iot_policies: Mapping[str, Mapping[str, Any]]
    provisioning: Mapping[str, Resource]
    routes: tuple[Route, ...]
    user_pools: Mapping[str, str]
    scopes: frozenset[str]
    malware_plans: Mapping[str, Resource] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    configuration_sets: tuple[str, ...] = ()
    mail_destinations: Mapping[str, Resource] = field(default_factory=dict)

    @property
    def gateway_policy(self) -> str:
        """The policy that gateways get: the one that the output names, or the only one.

        Raises:
            BadInput: there are several, or none.
        """
        named = self.outputs.get("GatewayPolicyName")
        if named is None and len(self.iot_policies) == 1:
            return next(iter(self.iot_policies))
        if named is None or named not in self.iot_policies:
            there = ", ".join(sorted(self.iot_policies)) or "none"
            msg = f"the output GatewayPolicyName names no IoT policy of this stack: {there}"
            raise BadInput(msg)
        return named
