"""Which view answers which path."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from cloud.portal.asking import Answer, Ask

View = Callable[[Ask], Answer]
EVERYBODY = "*"
"""In the place of roles: whoever is signed in."""
_NAME = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Route:
    """One path, the method it takes, its view, and who may ask for it."""

    method: str
    path: str
    view: View
    roles: frozenset[str]
    pattern: re.Pattern[str]

    def is_for(self, roles: Iterable[str]) -> bool:
        """Tell whether somebody with these roles may ask."""
        return EVERYBODY in self.roles or not self.roles.isdisjoint(roles)


class Views:
    """A module's views: decorate each with its path and with the roles that may ask for it.

    There is no way to leave the roles out: a page for whoever is signed in says `EVERYBODY`.
    """

    def __init__(self) -> None:
        self.routes: list[Route] = []

    def get(self, path: str, *roles: str) -> Callable[[View], View]:
        """Let a view answer GET."""
        return self._add("GET", path, roles)

    def post(self, path: str, *roles: str) -> Callable[[View], View]:
        """Let a view answer POST."""
        return self._add("POST", path, roles)

    def _add(self, method: str, path: str, roles: tuple[str, ...]) -> Callable[[View], View]:
        if not roles:
            msg = f"{method} {path} names no role that may ask for it: say EVERYBODY if all may"
            raise ValueError(msg)
        pattern = re.compile(_NAME.sub(r"(?P<\1>[^/]+)", path))

        def added(view: View) -> View:
            self.routes.append(Route(method, path, view, frozenset(roles), pattern))
            return view

        return added


@dataclass(frozen=True, slots=True)
class Found:
    """A route and what the braces of its path stand for."""

    route: Route
    names: Mapping[str, str]


class Map:
    """All routes of one door."""

    def __init__(self, parts: Iterable[Views]) -> None:
        self.routes = tuple(route for part in parts for route in part.routes)
        ways = [(one.method, one.pattern.pattern) for one in self.routes]
        twice = {way for way in ways if ways.count(way) > 1}
        if twice:
            msg = f"two views answer {sorted(twice)}: one would never be asked"
            raise ValueError(msg)
        # A path that is written out goes before one with a name in the same place.
        self._ordered = sorted(self.routes, key=lambda one: _NAME.sub("~", one.path))

    def __iter__(self) -> Iterator[Route]:
        return iter(self.routes)

    def find(self, method: str, path: str) -> Found | None:
        """Give the route of a path, None where no view answers it."""
        for route in self._ordered:
            met = route.pattern.fullmatch(path) if route.method == method else None
            if met is not None:
                return Found(route, {name: unquote(text) for name, text in met.groupdict().items()})
        return None

    def knows(self, path: str) -> bool:
        """Tell whether any method leads anywhere with this path."""
        return any(one.pattern.fullmatch(path) for one in self.routes)
