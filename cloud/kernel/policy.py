"""A rule: its value, unit, source and first day, stated once and asked for by day."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Generic, TypeVar

from cloud.kernel.errors import BadInput

T = TypeVar("T")

COMFORT = "comfort"
"""The programme that the articles describe, and the one meant when none is named."""

_ID = re.compile(r"[A-Z]{1,3}-?\d{2,3}[a-z]?(-\d)?")


@dataclass(frozen=True, slots=True)
class Article:
    """A public text that rules are taken from, cited by title and never copied.

    Attributes:
        key: short name used in the rule book.
        title: the article's own title.
        read_on: the day on which the version that we follow was read.
    """

    key: str
    title: str
    read_on: date


SERVICE_ARTICLE = Article("service", "Partner Invoicing & Service Process", date(2026, 11, 1))
FUNDING_ARTICLE = Article("funding", "Comfort Plan: Installer Funding", date(2026, 11, 1))
DESIGN = Article("design", "Design decisions of Sunreeve (docs/decisions)", date(2026, 11, 22))


@dataclass(frozen=True, slots=True)
class Source:
    """Where a rule stands: the article and its section."""

    article: Article
    section: str

    def __str__(self) -> str:
        return f"{self.article.title}, {self.section}"


@dataclass(frozen=True, slots=True)
class Rule(Generic[T]):
    """One agreed value, with the days from which it holds.

    Attributes:
        id: the id in the rule book; tests carry it as ``pytest.mark.rule``.
        unit: what the value counts.
        source: where it was agreed.
        says: the rule in our own words.
        values: first day -> value, for the default programme. A change adds a day; it never
            overwrites one.
        programmes: the same for programmes that differ; one that is absent follows `values`.
        note: the reading chosen where the source is silent or disagrees with itself.
    """

    id: str
    unit: str
    source: Source
    says: str
    values: Mapping[date, T]
    programmes: Mapping[str, Mapping[date, T]] = field(default_factory=dict)
    note: str = ""

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            msg = f"rule id {self.id!r} is not letters, a number and perhaps a dash"
            raise BadInput(msg)
        if not all((self.values, *self.programmes.values())):
            msg = f"rule {self.id} has no value"
            raise BadInput(msg)

    def on(self, day: date, programme: str = COMFORT) -> T:
        """Give the value in force on a day: the one with the latest first day not after it.

        Raises:
            BadInput: the rule did not hold yet on that day.
        """
        dated = self.programmes.get(programme, self.values)
        first = max((start for start in dated if start <= day), default=None)
        if first is None:
            msg = f"rule {self.id} has no value on {day}: it first holds on {min(dated)}"
            raise BadInput(msg)
        return dated[first]
