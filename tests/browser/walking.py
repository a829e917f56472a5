"""Goes through pages as a person does, and holds each of them to what all pages must be."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe

WIDEST_BYTES = 60 * 1024
"""Over the wire, of one page; style and script are kept by the browser."""
DESK, PHONE = (1280, 900), (360, 740)
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_AXE = Axe()
_OURS = re.compile(r"^/(portal|console)(/|$|\?)")


@dataclass
class Looked:
    """What was seen of one page."""

    path: str
    status: int
    bytes: int
    faults: list[str] = field(default_factory=list)


class Window:
    """A window in which one person is signed in."""

    def __init__(self, context, stack, person, folder) -> None:
        self.page = context.new_page()
        self.context = context
        self.person = person
        self.seen: list[Looked] = []
        self._stack = stack
        self._folder = folder
        self._complaints: list[str] = []
        self.page.on("console", self._complained)
        self.page.on("dialog", lambda asked: asked.accept())  # a deed that asks once more
        self.page.on("pageerror", lambda error: self._complaints.append(str(error)))
        self._bytes: dict[str, int] = {}
        devtools = context.new_cdp_session(self.page)
        devtools.send("Network.enable")
        self._documents: dict[str, str] = {}
        devtools.on("Network.responseReceived", self._received)
        devtools.on("Network.loadingFinished", self._finished)

    def _complained(self, message) -> None:
        # What a page answers with 4xx is noted by the browser as an error; the test asserts it.
        if message.type == "error" and "the server responded with a status" not in message.text:
            self._complaints.append(message.text)

    def _received(self, told) -> None:
        if told["type"] == "Document":
            self._documents[told["requestId"]] = urlsplit(told["response"]["url"]).path

    def _finished(self, told) -> None:
        path = self._documents.get(told["requestId"])
        if path is not None:
            self._bytes[path] = int(told["encodedDataLength"])

    # ---- going --------------------------------------------------------------------------------
    def go(self, path: str, *, status: int = 200):
        """Open a page and look at it."""
        answer = self.page.goto(self._stack + path)
        assert answer is not None
        assert answer.status == status, f"{path}: {answer.status} {self.text[:300]}"
        return self.look(answer.status)

    def press(self, name: str, *, within: str = "main", exact: bool = True):
        """Press the button of that name and look at the page that comes."""
        button = self.page.locator(within).get_by_role("button", name=name, exact=exact).first
        with self.page.expect_navigation():
            button.click()
        return self.look()

    def follow(self, name: str, *, within: str = "main", exact: bool = False):
        """Follow the first link of that name and look at the page that comes."""
        link = self.page.locator(within).get_by_role("link", name=name, exact=exact).first
        with self.page.expect_navigation():
            link.click()
        return self.look()

    def fill(self, **fields: str) -> None:
        """Fill in fields by their names; what is one of several is chosen."""
        for name, value in fields.items():
            place = self.page.locator(f'main [name="{name}"]:not([type=hidden])').first
            match place.evaluate("one => one.tagName + (one.type || '')"):
                case "SELECTselect-one":
                    place.select_option(value)
                case "INPUTcheckbox" | "INPUTradio":
                    place.check()
                case _:
                    place.fill(value)

    # ---- looking ------------------------------------------------------------------------------
    @property
    def path(self) -> str:
        """Where the window is."""
        parts = urlsplit(self.page.url)
        return parts.path + (f"?{parts.query}" if parts.query else "")

    @property
    def text(self) -> str:
        """What can be read on the page."""
        return self.page.locator("body").inner_text()

    def look(self, status: int = 200) -> Looked:
        """Hold the page to what all pages must be: accessible, light, in the window, at peace."""
        self.page.wait_for_load_state("load")
        path = urlsplit(self.page.url).path
        found = Looked(self.path, status, self._bytes.get(path, 0))
        found.faults += [f"the browser complains: {one}" for one in self._complaints]
        self._complaints.clear()
        width = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        if width[0] > width[1]:
            found.faults.append(f"it is {width[0]} px wide in a window of {width[1]}")
        if found.bytes > WIDEST_BYTES:
            found.faults.append(f"{found.bytes} bytes over the wire")
        found.faults += self._judged()
        self.seen.append(found)
        assert not found.faults, f"{self.person} at {found.path}:\n" + "\n".join(found.faults)
        return found

    def _judged(self) -> list[str]:
        options = {"runOnly": TAGS, "resultTypes": ["violations"]}
        told = _AXE.run(self.page, options=options).response["violations"]
        return [
            f"{one['impact']}: {one['id']}: {one['help']}: {node['target']} {node['html'][:160]}"
            for one in told
            if one["impact"] in {"serious", "critical"}
            for node in one["nodes"][:3]
        ]

    def picture(self, name: str) -> Path:
        """Leave a picture of the whole page, to be looked at by somebody."""
        path = self._folder / f"{name}.png"
        self.page.screenshot(path=path, full_page=True)
        return path

    def is_file(self, path: str) -> bool:
        """Tell whether a path leads to a file or to a piece of a page, and not to a page."""
        answer = self.context.request.get(self._stack + path, max_redirects=0)
        kind = answer.headers.get("content-type", "")
        is_kept = "attachment" in answer.headers.get("content-disposition", "")
        is_page = kind.startswith("text/html") and "<html" in answer.text() and not is_kept
        assert answer.status in {200, 302, 303}, f"{path}: {answer.status}"
        return not is_page

    def links(self) -> list[str]:
        """Give the pages of ours that this one leads to, and the pieces that it may load."""
        found = self.page.eval_on_selector_all(
            "a[href], [data-load]",
            "all => all.map(one => one.dataset.load || one.pathname + one.search)",
        )
        return sorted({one for one in found if _OURS.match(one)})


class Walker:
    """Opens windows for people."""

    def __init__(self, browser, stack, folder) -> None:
        self._browser = browser
        self._stack = stack
        self._folder = folder
        self._contexts = []

    def window(self, person: str, *, size=DESK, dark: bool = False, script: bool = True) -> Window:
        """Sign a person in at the door that is theirs, in a window of its own."""
        from cloud.local.people import PEOPLE

        door = "/portal" if {one.username: one for one in PEOPLE}[person].partner_id else "/console"
        context = self._browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            java_script_enabled=True,
        )
        self._contexts.append(context)
        made = Window(context, self._stack, person, self._folder)
        made.page.goto(self._stack + door)
        made.page.locator(f'button[value="{person}"]').click()
        made.page.wait_for_url(f"**{door}")
        made._complaints.clear()
        if not script:  # signed in by the same cookies, in a window that runs none
            plain = self._browser.new_context(
                viewport={"width": size[0], "height": size[1]},
                java_script_enabled=False,
                storage_state=context.storage_state(),
            )
            self._contexts.append(plain)
            return PlainWindow(plain, self._stack, person, self._folder)
        return made

    def close(self) -> None:
        """Shut all windows."""
        for context in self._contexts:
            context.close()


class PlainWindow(Window):
    """A window in which no script runs; axe is one, so it only looks at the rest."""

    def _judged(self) -> list[str]:
        return []
