"""What each page costs: its time as a multiple of an empty page's, its requests to AWS, its bytes.

A copy of the town runs in this process, people sign in over HTTP, and then the doors' functions are
asked by themselves. The empty page is one that the same door gives to the same person and that
reads nothing but the session: frame, menu and a sentence. Rounds go through all pages in turn, so
that what else the machine does meets all of them alike; the median of the rounds is shown.
"""

import argparse
import gzip
import logging
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from bench import requests
from cloud.kernel.errors import BrokenInvariant
from cloud.local.demo.play import Ports
from cloud.local.http import as_event, from_answer
from cloud.local.runtime import Runtime
from cloud.local.template import Route
from cloud.local.town.cache import copy_of_town
from cloud.local.town.stage import running
from cloud.local.web import Request, Response
from cloud.portal.console_views import menu as console
from cloud.portal.partner_views import menu as portal
from cloud.portal.routes import Map

ROUNDS = 7
SAMPLES = 2
"""Things of each list that are opened, the first ones."""
EMPTY = "no_such_page"
"""A page that is not there is the empty one."""
WHO: Mapping[str, str] = {"portal": "ines.alder", "console": "otto.audit"}
"""Who looks: whoever may look at everything behind a door."""
FUNCTIONS: Mapping[str, str] = {"portal": "PortalFunction", "console": "ConsoleFunction"}
VIEWS: Mapping[str, Map] = {"portal": portal.views(), "console": console.views()}
_LINK = re.compile(rb'href="(/(?:portal|console)/[^"#?]+)"')


@dataclass
class Page:
    """One route as it was measured.

    Attributes:
        paths: what was asked for, one of them or several things of the same kind.
        took_ms: of every call.
        asked: requests to AWS of every call.
        packed: bytes as they leave, of the largest.
    """

    route: str
    paths: list[str] = field(default_factory=list)
    took_ms: list[float] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    packed: int = 0


class Window:
    """Somebody who is signed in at one door."""

    def __init__(self, runtime: Runtime, door: str) -> None:
        self._runtime = runtime
        self._function = FUNCTIONS[door]
        self._route = Route(f"/{door}/", self._function, None, is_exact=False)
        self._cookie = signed_in(runtime.http_port, door, WHO[door])

    def ask(self, path: str) -> Response:
        """Ask the door's function for a page."""
        headers = {"host": "127.0.0.1", "accept-encoding": "gzip", "cookie": self._cookie}
        parts = urlsplit(path)
        asked = Request("GET", parts.path, parts.query, headers, b"")
        event = as_event(asked, self._route, self._runtime.clock.now())
        answer = self._runtime.functions.invoke(self._function, event)
        if not isinstance(answer, Mapping):
            msg = f"asking for {path}: the function failed: {answer}"
            raise BrokenInvariant(msg)
        return from_answer(answer)


def signed_in(port: int, door: str, username: str) -> str:
    """Sign in as a browser does, and give the cookie of the session."""
    jar: dict[str, str] = {}

    def asked(method: str, path: str, body: str = "") -> str:
        line = HTTPConnection("127.0.0.1", port, timeout=60)
        cookie = "; ".join(f"{name}={value}" for name, value in jar.items())
        line.request(method, path, body, {"cookie": cookie})
        found = line.getresponse()
        found.read()
        for one in found.headers.get_all("set-cookie", ()):
            name, _, rest = one.partition("=")
            jar[name] = rest.partition(";")[0]
        line.close()
        to = urlsplit(found.headers.get("location", ""))
        return f"{to.path}?{to.query}"

    page = asked("GET", f"/{door}/sign_in")
    asked("GET", asked("POST", page, f"username={username}"))
    return f"__Host-{door}={jar[f'__Host-{door}']}"


def found_pages(window: Window, door: str) -> Iterator[Page]:
    """Find a path for each route, by going from page to page as a person would."""
    pages = {one.path: Page(one.path) for one in VIEWS[door] if one.method == "GET"}
    waiting = [f"/{door}", *(path for path in pages if "{" not in path)]
    seen: set[str] = set()
    while waiting:
        path = waiting.pop(0)
        met = VIEWS[door].find("GET", path)
        if path in seen or met is None or len(pages[met.route.path].paths) >= SAMPLES:
            continue
        seen.add(path)
        found = window.ask(path)
        if found.status != 200 or "html" not in found.headers.get("content-type", ""):
            continue
        pages[met.route.path].paths.append(path)
        waiting += [one.decode() for one in _LINK.findall(unpacked(found))]
    yield Page("empty", [f"/{door}/{EMPTY}"])
    yield from (page for page in pages.values() if page.paths)


def unpacked(found: Response) -> bytes:
    """Give a page's text."""
    if found.headers.get("content-encoding") == "gzip":
        return gzip.decompress(found.body)
    return found.body


def measured(window: Window, pages: list[Page], rounds: int) -> None:
    """Ask for all pages, round after round."""
    for _ in range(rounds):
        for page in pages:
            for path in page.paths:
                with requests.counting() as asked:
                    began = time.perf_counter()
                    found = window.ask(path)
                    page.took_ms.append((time.perf_counter() - began) * 1000)
                page.asked.append(sum(asked.values()))
                page.packed = max(page.packed, len(found.body))


def shown(door: str, pages: list[Page]) -> None:
    """Print the table of one door, the dearest page first."""
    empty = median(pages[0].took_ms)
    print(f"\n{door}: an empty page takes {empty:.1f} ms here, with {pages[0].asked[0]} requests")
    print(f"{'page':58}{'times':>7}{'requests':>10}{'KB packed':>11}")
    for page in sorted(pages[1:], key=lambda one: -median(one.took_ms)):
        times, asked = median(page.took_ms) / empty, median(page.asked)
        print(f"{page.route:58}{times:7.1f}{asked:10.0f}{page.packed / 1024:11.1f}")
    dear = [median(page.took_ms) / empty for page in pages[1:]]
    print(f"{'half of the pages are below':58}{median(dear):7.1f}")


def main() -> int:
    """Measure both doors."""
    asks = argparse.ArgumentParser(description=__doc__)
    asks.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = asks.parse_args().rounds
    logging.disable()
    requests.prepare()
    with tempfile.TemporaryDirectory() as folder:
        town = copy_of_town(Path(folder) / "town")
        with running(town, ports=Ports(http=0, mqtt=0, smtp=0)) as stack:
            for door in FUNCTIONS:
                window = Window(stack.runtime, door)
                pages = list(found_pages(window, door))
                measured(window, [Page(one.route, one.paths) for one in pages], 1)  # warm
                measured(window, pages, rounds)
                shown(door, pages)
    return 0


if __name__ == "__main__":
    sys.exit(main())
