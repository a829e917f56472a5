"""Whose money a page is about, and which of its rows are shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from cloud.portal.asking import Ask, linked
from cloud.portal.whose import organisation_asked
from cloud.portfolio.models import Partner

ROWS = 50
"""Rows of one page."""
SECOND_LIST = 20
"""Rows of a list below the main one of a page."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Chosen:
    """The organisation that a page is about.

    Attributes:
        choices: id and name of the own organisation and its parts; empty where it has none.
    """

    partner_id: str
    is_own: bool
    choices: Sequence[tuple[str, str]]

    @property
    def name(self) -> str:
        """What it is called; empty where there is nothing to choose."""
        return dict(self.choices).get(self.partner_id, "")

    @property
    def asked(self) -> str:
        """What links of the page say; the own organisation is said by nothing."""
        return "" if self.is_own else self.partner_id


def chosen(ask: Ask, *, action: str = "view_payouts") -> Chosen:
    """Give whose money is asked for by ``?organisation=``, and what else could be (F27, P-84).

    Raises:
        NotAllowed: the person is no Accounting Admin.
        Absent: it is neither the own organisation nor a part of it.
    """
    wanted = ask.query.get("organisation", "") or ask.form["organisation"]
    partner_id = organisation_asked(ask, wanted, action=action)
    parts = parts_of(ask)
    own = ((ask.partner_id, ask.visitor.partner_name),) if parts else ()
    others = tuple((one.id, one.name) for one in parts)
    return Chosen(partner_id, partner_id == ask.partner_id, (*own, *others))


def parts_of(ask: Ask) -> list[Partner]:
    """Give the parts of the person's organisation, by name."""
    stored = ask.records.find(Partner, by="parent_id", value=ask.partner_id)
    found = [one.record for one in stored if one.record.mode == ask.visitor.mode]
    return sorted(found, key=lambda one: (one.name, one.id))


@dataclass(frozen=True, slots=True)
class Shown:
    """The rows of one page of a list, and the ways to the others."""

    rows: Sequence[Any]
    count: int
    first: int
    earlier: str
    later: str


def shown(
    ask: Ask,
    rows: Sequence[Any],
    *,
    at: str = "page",
    size: int = ROWS,
    path: str = "",
    **query: object,
) -> Shown:
    """Give the part of a list that ``?page=`` asks for; a page that is none is the first.

    Args:
        ask: the request.
        rows: all of them.
        at: name of the query, where a page has two lists.
        size: how many rows are shown at once.
        path: of the page, where a piece of it is asked for.
        query: what the links to the other parts keep.
    """
    asked = ask.query.get(at, "")
    last = max(0, (len(rows) - 1) // size)
    page = min(int(asked), last) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 0

    def to(number: int) -> str:
        return linked(path or ask.path, **query, **{at: number or ""})

    return Shown(
        rows=rows[page * size : (page + 1) * size],
        count=len(rows),
        first=page * size + 1,
        earlier=to(page - 1) if page else "",
        later=to(page + 1) if page < last else "",
    )


def one_of(ask: Ask, name: str, values: Mapping[str, object] | Sequence[str]) -> str:
    """Give a value of the query that the page knows; what it does not know asks for nothing."""
    said = ask.query.get(name, "")
    return said if said in values else ""
