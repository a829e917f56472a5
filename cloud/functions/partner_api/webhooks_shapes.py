"""What goes in and out of the routes about webhooks."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, Field

from cloud.adapters.plain_text import Plain
from cloud.functions.partner_api.shapes import In
from cloud.reporting.webhooks import Delivery, Off, Try, WebhookEndpoint

Url = Annotated[str, Field(min_length=1, max_length=2000), Plain]
Types = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=100), Plain]], Field(max_length=200)
]
State = Literal["", "waiting", "delivered", "failed"]


class EndpointIn(In):
    """Where to be told, and what: types as `work_order.offered` or `invoice.*`, or everything."""

    url: Url
    types: Annotated[Types, Field(default_factory=list)]


class EndpointChangeIn(In):
    """What shall change; what is left out stays."""

    url: Url | None = None
    types: Types | None = None
    is_active: bool | None = None


class SendAgainIn(In):
    """One event, or an instant since which everything that failed or got lost is meant."""

    event_id: Annotated[str, Field(max_length=100), Plain] = ""
    since: AwareDatetime | None = None


class EndpointOut(BaseModel):
    """An endpoint; `off_because` says why nothing is sent there, and is empty while it is.

    `named_by` is the program, or the person, that named the URL: it is told what that one may see.
    """

    id: str
    url: str
    types: list[str]
    is_active: bool
    off_because: str
    off_at: datetime | None
    made_at: datetime
    named_by: str
    secret_last4: str
    former_secret_until: datetime | None

    @classmethod
    def of(cls, endpoint: WebhookEndpoint, at: datetime) -> Self:
        """Give the endpoint as it stands at an instant."""
        new, *former = endpoint.signing(at)
        return cls(
            id=endpoint.id,
            url=endpoint.url,
            types=list(endpoint.types),
            is_active=endpoint.off is Off.NOT,
            off_because=endpoint.off.value,
            off_at=endpoint.off_at,
            made_at=endpoint.made_at,
            named_by=endpoint.client_id,
            secret_last4=new.sealed.last4,
            former_secret_until=former[0].until if former else None,
        )


class NewEndpointOut(EndpointOut):
    """An endpoint with its new secret, which no later answer shows: not even this one again."""

    secret: str | None = None


class EndpointsOut(BaseModel):
    """All endpoints of the organisation."""

    webhook_endpoints: list[EndpointOut]


class DeletedOut(BaseModel):
    """What is not there any more."""

    id: str


class TryOut(BaseModel):
    """One try: the status that came, or 0 and the fault in its place."""

    at: datetime
    status: int
    fault: str

    @classmethod
    def of(cls, made: Try) -> "TryOut":
        """Give the try."""
        return cls(at=made.at, status=made.status, fault=made.fault)


class DeliveryOut(BaseModel):
    """One event on its way to one endpoint."""

    event_id: str
    type: str
    state: Literal["waiting", "delivered", "failed"]
    next_at: datetime | None
    tries: list[TryOut]

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryOut":
        """Give the delivery with its tries, oldest first."""
        return cls(
            event_id=delivery.event_id,
            type=delivery.type,
            state=delivery.state.value,
            next_at=delivery.next_at,
            tries=[TryOut.of(one) for one in delivery.tries],
        )


class DeliveriesOut(BaseModel):
    """A page of deliveries, newest first."""

    deliveries: list[DeliveryOut]
    has_more: bool
    next_cursor: str


class SentAgainOut(BaseModel):
    """How many are on their way again; with `has_more`, ask once more for the rest."""

    count: int
    has_more: bool
