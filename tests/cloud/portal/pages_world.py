"""A door of pages over records in memory, and people who go through it as a browser does."""

import base64
import gzip
import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import unescape
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from cloud.adapters.inspection import FileInspector
from cloud.adapters.memory import MemoryChunks, MemoryDocuments, MemoryRecords
from cloud.adapters.sessions import MemorySessions
from cloud.adapters.upload_desk import MemoryUploadDesk
from cloud.kernel.change import NEW, Change, Save
from cloud.portal.asking import House
from cloud.portal.console_views import menu as console
from cloud.portal.door import Door
from cloud.portal.partner_views import menu as portal
from cloud.portal.visitors import of_owner, of_partners
from cloud.portfolio.papers import PartnerPerson, PartnerRole
from cloud.service.cases import Desks
from cloud.service.uploads import Outside

NOW = datetime(2026, 6, 8, 15, 0, tzinfo=UTC)
HOST = "127.0.0.1:8787"
URLENCODED = "application/x-www-form-urlencoded"


class SetClock:
    """A clock that stands where it is put."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


class KnownPeople:
    """Stands for the pool's pages: a code is a name, and the groups it has."""

    def __init__(self) -> None:
        self.groups: dict[str, str] = {}
        self.origin = "https://pool.example"

    def roles_of(self, name: str) -> frozenset[str]:
        return frozenset(self.groups.get(name, "").split())

    def page(self, *, state: str, verifier: str, back_to: str) -> str:
        return f"https://pool.example/authorize?{urlencode({'state': state, 'to': back_to})}"

    def leaving(self, *, back_to: str) -> str:
        return f"https://pool.example/logout?{urlencode({'to': back_to})}"

    def person(self, *, code: str, verifier: str, back_to: str) -> Mapping[str, str] | None:
        if not code or code == "wrong":
            return None
        return {"username": code, "groups": self.groups.get(code, "")}


@dataclass
class Seen:
    """One answer, as a browser has it."""

    status: int
    headers: Mapping[str, str]
    text: str
    content: bytes
    cookies: list[str] = field(default_factory=list)

    @property
    def to(self) -> str:
        """Where a redirect leads."""
        return self.headers.get("location", "")

    @property
    def plain(self) -> str:
        """What can be read, without tags and with single blanks."""
        body = re.sub(r"<(script|style|template)\b.*?</\1>", " ", self.text, flags=re.DOTALL)
        return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body))).strip()


class World:
    """Both doors, over one set of records.

    Attributes:
        records, documents, desk: what stands behind the pages.
        clock: `world.clock.at = ...` moves time.
    """

    def __init__(self, records: MemoryRecords | None = None, *, now: datetime = NOW) -> None:
        self.records = records or MemoryRecords()
        self.documents = MemoryDocuments()
        self.desk = MemoryUploadDesk(self.documents)
        self.chunks = MemoryChunks()
        self.clock = SetClock(now)
        self.sessions = MemorySessions()
        self.people = KnownPeople()
        self._numbers = itertools.count(1)
        self._jars: dict[str, dict[str, str]] = {}
        house = House(
            records=self.records,
            documents=self.documents,
            outside=Outside(desk=self.desk, documents=self.documents, inspector=FileInspector()),
            desks=Desks(aftermarket="operations@owner.example"),
            chunks=self.chunks,
        )
        shared: dict[str, Any] = {
            "house": house,
            "sessions": self.sessions,
            "sign_in": self.people,
            "clock": self.clock,
            "chance": lambda: f"{next(self._numbers):016d}-chance-of-the-test",
        }
        self.doors = {
            "/portal": Door(
                "/portal",
                name="Partner portal",
                views=portal.views(),
                menu=portal.MENU,
                visitor_of=of_partners(self.records),
                **shared,
            ),
            "/console": Door(
                "/console",
                name="Operations console",
                views=console.views(),
                menu=console.MENU,
                visitor_of=of_owner(self.people, self.clock),
                **shared,
            ),
        }

    @property
    def now(self) -> datetime:
        return self.clock.at

    # ---- people -----------------------------------------------------------------------------
    def partner_person(self, username: str, partner_id: str, *, is_admin: bool = False) -> None:
        """Put a person of a partner on record; the partner itself is put there by the test."""
        roles = frozenset({PartnerRole.ACCOUNTING_ADMIN}) if is_admin else frozenset()
        person = PartnerPerson(
            username, partner_id, username.title(), f"{username}@partner.example", roles
        )
        self.records.commit(Change(saves=(Save(person, NEW),)))

    def owner_person(self, username: str, *groups: str) -> None:
        """Let one of the owner's people sign in, with these groups."""
        self.people.groups[username] = " ".join(groups)

    # ---- browsing ---------------------------------------------------------------------------
    def page(self, username: str, path: str) -> Seen:
        """Ask for a page, signed in; redirects are not followed."""
        return self._asked(username, "GET", path)

    def send(self, username: str, path: str, **fields: object) -> Seen:
        """Send a form of ours, with its token; a list gives a field several times.

        A form that carries what the page showed is sent as the page shows it now.
        """
        pairs = [("form_token", self.token(username, path))]
        if "as_shown" not in fields and path.startswith("/console/"):
            pairs += [("as_shown", self.mark(username, path))]
        for name, value in fields.items():
            values = value if isinstance(value, list | tuple) else [value]
            pairs += [(name, str(one)) for one in values]
        return self._asked(username, "POST", path, urlencode(pairs).encode())

    def mark(self, username: str, path: str) -> str:
        """Give the mark in the form that leads to a path, or the only one of its page."""
        page = path
        while page.count("/") > 2:
            page = page.rpartition("/")[0]
            seen = self.page(username, page)
            if seen.status == 200:
                break
        else:
            return ""
        forms = re.findall(r'<form[^>]* action="([^"]*)"[^>]*>(.*?)</form>', seen.text, re.DOTALL)
        marks = {
            action: found[1]
            for action, form in forms
            if (found := re.search(r'name="as_shown" value="([^"]*)"', form))
        }
        every = set(marks.values())
        return marks.get(quote(path, safe="/"), every.pop() if len(every) == 1 else "")

    def send_files(
        self,
        username: str,
        path: str,
        files: Mapping[str, tuple[str, str, bytes]],
        **fields: object,
    ) -> Seen:
        """Send a form with files: name of the field -> name of the file, type, content."""
        mark = "mark-of-the-test"
        told = {"form_token": self.token(username, path), **fields}
        parts = [
            f'--{mark}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in told.items()
        ]
        for name, (file_name, kind, content) in files.items():
            head = (
                f'--{mark}\r\ncontent-disposition: form-data; name="{name}"; '
                f'filename="{file_name}"\r\ncontent-type: {kind}\r\n\r\n'
            )
            parts.append(head.encode() + content + b"\r\n")
        body = b"".join((*parts, f"--{mark}--\r\n".encode()))
        return self._asked(
            username, "POST", path, body, kind=f"multipart/form-data; boundary={mark}"
        )

    def after(self, username: str, sent: Seen) -> Seen:
        """Follow the redirect after a deed, to the page that says what was done."""
        assert sent.status in {302, 303}, sent.plain[:500]
        return self.page(username, sent.to)

    def token(self, username: str, path: str) -> str:
        """Give a form's token of this person's session."""
        door = self._door(path)
        jar = self.signed_in(username, path)
        secret = jar[door._session_cookie]
        visitor = door._visitor_of(self.sessions.of(secret, self.now) or {})
        assert visitor is not None
        from cloud.portal.door import Signed

        return door._token(Signed(secret, visitor))

    def signed_in(self, username: str, path: str) -> dict[str, str]:
        """Sign a person in where it is not yet, by the same way as a browser goes."""
        prefix = "/" + path.split("/")[1].split("?", maxsplit=1)[0]
        jar = self._jars.setdefault(f"{username} {prefix}", {})
        if self._door(path)._session_cookie not in jar:
            away = self.ask("GET", f"{prefix}/sign_in", jar)
            state = parse_qs(urlsplit(away.to).query)["state"][0]
            back = self.ask("GET", f"{prefix}/signed_in?code={quote(username)}&state={state}", jar)
            assert back.status == 302, back.plain[:500]
        return jar

    def _asked(
        self, username: str, method: str, path: str, body: bytes = b"", *, kind: str = URLENCODED
    ) -> Seen:
        return self.ask(method, path, self.signed_in(username, path), body, kind=kind)

    def ask(
        self,
        method: str,
        path: str,
        jar: dict[str, str],
        body: bytes = b"",
        *,
        kind: str = URLENCODED,
        headers: Mapping[str, str] | None = None,
    ) -> Seen:
        """Ask with a jar of cookies, and put into it what comes back."""
        parts = urlsplit(path)
        event: dict[str, Any] = {
            "rawPath": parts.path,
            "rawQueryString": parts.query,
            "headers": {"host": HOST, "accept-encoding": "gzip", **(headers or {})},
            "cookies": [f"{name}={value}" for name, value in jar.items()],
            "requestContext": {"http": {"method": method}, "requestId": "request-1"},
            "isBase64Encoded": True,
            "body": base64.b64encode(body).decode(),
        }
        if body:
            event["headers"]["content-type"] = kind
        raw = self._door(path).answer(event)
        content = base64.b64decode(raw["body"])
        if raw["headers"].get("content-encoding") == "gzip":
            content = gzip.decompress(content)
        for one in raw["cookies"]:
            name, _, rest = one.partition("=")
            value, _, terms = rest.partition(";")
            if "Max-Age=0" in terms:
                jar.pop(name, None)
            else:
                jar[name] = value
        text = content.decode(errors="replace")
        return Seen(raw["statusCode"], raw["headers"], text, content, raw["cookies"])

    def _door(self, path: str) -> Door:
        return self.doors["/" + path.split("/")[1].split("?", maxsplit=1)[0]]
