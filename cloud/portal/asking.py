"""What a page is asked with, and what it answers: values only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from cloud.kernel.change import Event
from cloud.kernel.decision import Refused
from cloud.kernel.ports import Documents, Records
from cloud.reporting.story_readers import readable
from cloud.service.cases import Desks
from cloud.service.uploads import Outside


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is signed in.

    Attributes:
        username: what the user pool calls the person; every deed stands under this name.
        roles: of the owner's people the groups of the pool, of partners' people what an Accounting
            Admin granted them.
        partner_id: empty for the owner's own people.
    """

    username: str
    name: str
    roles: frozenset[str] = frozenset()
    partner_id: str = ""
    partner_name: str = ""
    mode: str = ""


@dataclass(frozen=True, slots=True)
class House:
    """Everything outside that pages read and change, made once when the function starts."""

    records: Records
    documents: Documents
    outside: Outside
    desks: Desks
    signatures: Any = None
    """Signs cursors and what comes back to us (`cloud.adapters.signatures`)."""
    chunks: Any = None
    """What gateways sent (`cloud.telemetry.ports.Chunks`); the portal has none."""
    downlink: Any = None
    """The way to gateways (`cloud.adapters.downlink`); the portal has none."""
    seals: Any = None
    """Seals the secrets that webhooks are signed with, and opens none; the console has none."""
    to_loopback: bool = False
    """Whether webhooks may go to programs on this machine; never on AWS."""
    files_from: str = ""
    """Origin that links to files lead to; a page may show pictures from there, and from itself."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One file that came with a form."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """What a form was filled in with; a field that is missing is empty text.

    Attributes:
        fields: name -> everything that came under it, in order, without spaces at the ends.
        files: name -> the files that came under it.
    """

    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)
    files: Mapping[str, Sequence[Sent]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        """Give the last value of a field."""
        found = self.fields.get(name)
        return found[-1] if found else ""

    def all(self, name: str) -> Sequence[str]:
        """Give every value of a field."""
        return self.fields.get(name, ())

    def has(self, name: str) -> bool:
        """Tell whether a box was ticked."""
        return bool(self[name])


NOTHING = Form()


@dataclass(frozen=True, slots=True)
class Ask:
    """One request for a page, by somebody who is signed in and may see it.

    Attributes:
        path: without the query.
        names: what the braces of the route stand for here.
        query: name -> last value.
        form: of a POST; its token was checked.
        at: the present instant, UTC.
    """

    method: str
    path: str
    names: Mapping[str, str]
    query: Mapping[str, str]
    form: Form
    visitor: Visitor
    house: House
    at: datetime
    request_id: str = ""

    @property
    def records(self) -> Records:
        """All that is on record."""
        return self.house.records

    @property
    def by(self) -> str:
        """In whose name things are done here."""
        return self.visitor.username

    @property
    def partner_id(self) -> str:
        """The partner whose person asks."""
        return self.visitor.partner_id

    def log(self, subject: str, *, of: str) -> tuple[Event, ...]:
        """Give what the visitor's roles may read of a thing's log, in order of time.

        Pages of the owner's people show no log but this one; a partner's person has none of those
        roles and reads nothing here.

        Args:
            subject: the id of the thing.
            of: its kind, as `cloud.reporting.story_readers` calls it.
        """
        return readable(self.records.history(subject), self.visitor.roles, of=of)

    def acting(self) -> dict[str, Any]:
        """Give what every command takes: when, and in whose name."""
        return {"at": self.at, "by": self.by}


@dataclass(frozen=True, slots=True)
class Page:
    """A page: a template below ``pages/`` and what it shows.

    Attributes:
        template: for example ``partner/orders.html``.
        title: stands in the tab and, unless the template says otherwise, as the page's heading.
        shows: names for the template.
        status: 422 for a form that is shown again with what is wrong in it.
    """

    template: str
    title: str
    shows: Mapping[str, Any]
    status: int = 200


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a page, without its frame, for a script that puts it in its place."""

    template: str
    shows: Mapping[str, Any]


def linked(path: str, **query: object) -> str:
    """Give a path with a query of all that is said: nothing empty, and no page zero."""
    told = {name: str(value) for name, value in query.items() if value}
    return f"{path}?{urlencode(told)}" if told else path


@dataclass(frozen=True, slots=True)
class Go:
    """After a deed: the page to see next, with a sentence at its top.

    Attributes:
        said: what was done; the next page shows it once.
        refused: why nothing was done; shown once as well.
    """

    to: str
    said: str = ""
    refused: Refused | None = None


@dataclass(frozen=True, slots=True)
class File:
    """A file to keep; it is never shown inside a page."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Away:
    """A short-lived link to a file outside."""

    to: str


Answer = Page | Part | Go | File | Away


class Absent(Exception):
    """There is no such thing for who asks; the page that says so is the same for all things."""


class NotAllowed(Exception):
    """The person may not see or do this; the text says which role may."""


def done(answer: object, *, to: str, said: str) -> Go:
    """Give what follows a deed: its sentence, or the refusal."""
    if isinstance(answer, Refused):
        return Go(to, refused=answer)
    return Go(to, said=said)
