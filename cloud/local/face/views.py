"""The pages that a person sees: what each of them needs is looked up here, and nothing is kept."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cloud.kernel.errors import BadInput, NotFound
from cloud.local.face import deeds, logs, mails, shown
from cloud.local.face.figures import clock, figures, functions, queue
from cloud.local.face.interface import wanted_lines
from cloud.local.face.masks import (
    MASK,
    as_lines,
    cut,
    is_secret,
    laid_out,
    length_on_page,
    masked,
    plain_item,
)
from cloud.local.face.query import Query
from cloud.local.face.seen import MovesClock, Runs, TakesMail
from cloud.local.web import Request, Response

ON_A_PAGE = 20
"""How many messages, items or mails one page shows."""
LINES_SHOWN = 100
LINES_OF_FUNCTION = 30
TEXT_ON_A_PAGE = 22_000
"""How many characters of content, beside its frame, a page shows; a page stays below 40 KB."""

_DONE = {
    "redriven": "The dead letters are on their way back to where they came from.",
    "nothing": "There was no dead letter to send back.",
    "stay": "{moved} sent back, {left} stay: {why}.",
    "purged": "The queue is empty now.",
    "jump": "The jump has begun.",
    "speed": "The speed is set.",
    "pause": "The clock stands still.",
    "resume": "The clock runs.",
}
"""What a page says after something was done, by the word in its address."""

MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'self'"
)
"""What the HTML of a mail may do: be looked at, within a frame of ours."""


@dataclass(frozen=True, slots=True)
class Views:
    """Answers the requests of browsers."""

    runtime: Runs
    controls: MovesClock | None

    def answer(self, request: Request, *segments: str) -> Response:
        """Answer one request.

        Raises:
            BadInput: something in it cannot be used, or nothing of that kind is there.
        """
        query = Query(request.query)
        match (request.method, *segments):
            case ("GET", ""):
                return self._page("overview.html", query, at=figures(self.runtime, self.controls))
            case ("GET", "functions", name):
                return self._function(name, query)
            case ("GET", "queues", name):
                return self._queue(name, query)
            case ("GET", "queues", name, "purge"):
                deeds.known_queue(self.runtime, name)
                return self._page("purge.html", query, queue=queue(self.runtime, name))
            case ("POST", "queues", name, "purge"):
                deeds.purge(self.runtime, name)
                return _see_other(f"queues/{quote(name)}?done=purged")
            case ("POST", "queues", name, "redrive"):
                return _see_other(_after_redrive(deeds.redrive(self.runtime, name)))
            case ("GET", "tables", name):
                return self._table(name, query)
            case ("GET", "tables", name, "item"):
                return self._item(name, query)
            case ("GET", "mail") | ("GET", "mail", ""):
                return self._mails(query)
            case ("GET", "mail", box, name):
                return self._mail(box, name, query)
            case ("GET", "mail", box, name, *rest):
                return self._part_of_mail(box, name, rest)
            case ("GET", "documents") | ("GET", "documents", ""):
                return self._page("buckets.html", query, buckets=tuple(self.runtime.stack.buckets))
            case ("GET", "documents", bucket):
                return self._bucket(bucket, query)
            case ("GET", "documents", bucket, "file"):
                return self._document(bucket, query)
            case ("GET", "logs"):
                return self._logs(query)
            case ("GET", "clock"):
                return self._page("clock.html", query, days=deeds.LONGEST_JUMP_DAYS)
            case ("POST", "clock", deed):
                return self._move_clock(deed, _form(request))
            case _:
                msg = "there is no such page: the overview links to all there are"
                raise NotFound(msg)

    def refused(self, status: int, phrase: str, why: str) -> Response:
        """Say why something was not shown or not done."""
        page = self._page("refused.html", Query(""), phrase=phrase, why=why)
        return Response(status, page.body, page.headers)

    def _page(self, template: str, query: Query, **about: Any) -> Response:
        content = shown.page(
            template,
            clock=clock(self.runtime, self.controls),
            done=_done(query),
            **about,
        )
        return Response(200, content, {"content-type": "text/html; charset=utf-8"})

    # ---- functions --------------------------------------------------------------------------
    def _function(self, name: str, query: Query) -> Response:
        described = self.runtime.stack.functions.get(name)
        if described is None:
            msg = f"there is no function {name[:80]}"
            raise NotFound(msg)
        environment = {
            variable: MASK if is_secret(variable) else masked(value)
            for variable, value in sorted(described.environment.items())
        }
        wanted = logs.Wanted(function=name)
        read = logs.tail(self._log, wanted, limit=LINES_OF_FUNCTION)
        return self._page(
            "function.html",
            query,
            described=described,
            function=next(f for f in functions(self.runtime) if f.name == name),
            environment=environment,
            lines=_fitting(read.lines),
        )

    # ---- queues -----------------------------------------------------------------------------
    def _queue(self, name: str, query: Query) -> Response:
        deeds.known_queue(self.runtime, name)
        messages = self.runtime.queues.peek(name, ON_A_PAGE)
        each = TEXT_ON_A_PAGE // max(len(messages), 1)
        return self._page(
            "queue.html",
            query,
            queue=queue(self.runtime, name),
            settings=self.runtime.queues.settings(name),
            messages=[(m, cut(laid_out(m.body), characters=each)) for m in messages],
        )

    # ---- tables -----------------------------------------------------------------------------
    def _table(self, name: str, query: Query) -> Response:
        keys = self._keys(name)
        partition = query.get("partition")
        request: dict[str, Any] = {"TableName": name, "Limit": ON_A_PAGE}
        if query.get("after"):
            request["ExclusiveStartKey"] = _key_from(query.get("after"))
        if partition:
            request |= {
                "KeyConditionExpression": "#key = :value",
                "ExpressionAttributeNames": {"#key": keys[0][0]},
                "ExpressionAttributeValues": {":value": {keys[0][1]: partition}},
            }
        found = self.runtime.engine.call("Query" if partition else "Scan", request)
        items: Sequence[Mapping[str, Any]] = found.get("Items", ())
        each = TEXT_ON_A_PAGE // max(len(items), 1)
        last = found.get("LastEvaluatedKey")
        return self._page(
            "table.html",
            query,
            name=name,
            keys=[key for key, _ in keys],
            partition=partition,
            is_first=not query.get("after"),
            next=_key_as_text(last) if last else "",
            items=[self._as_item(item, keys, characters=each) for item in items],
        )

    def _item(self, name: str, query: Query) -> Response:
        keys = self._keys(name)
        request = {"TableName": name, "Key": _key_from(query.get("key"))}
        item = self.runtime.engine.call("GetItem", request).get("Item")
        if item is None:
            msg = f"this item is not in {name} any more"
            raise NotFound(msg)
        about = self._as_item(item, keys, characters=TEXT_ON_A_PAGE)
        return self._page("item.html", query, name=name, item=about)

    def _as_item(
        self, item: Mapping[str, Any], keys: Sequence[tuple[str, str]], *, characters: int
    ) -> Mapping[str, Any]:
        plain = plain_item(item)
        try:
            content = as_lines({k: v for k, v in plain.items() if k not in dict(keys)} or plain)
        except RecursionError:
            content = "This item is nested too deep to be shown."
        fitting = cut(content, characters=max(characters - 600, 200))
        return {
            "key": [str(masked({key: plain[key]})[key]) for key, _ in keys],
            "address": _key_as_text({key: item[key] for key, _ in keys}),
            "content": fitting,
            "is_cut": fitting != content,
        }

    def _keys(self, table: str) -> list[tuple[str, str]]:
        """Give the names and kinds of a table's key, the partition key first."""
        definition = self.runtime.stack.tables.get(table)
        if definition is None:
            msg = f"there is no table {table[:80]}"
            raise NotFound(msg)
        kinds = {a["AttributeName"]: a["AttributeType"] for a in definition["AttributeDefinitions"]}
        schema = sorted(definition["KeySchema"], key=lambda part: str(part["KeyType"]))
        return [(part["AttributeName"], kinds[part["AttributeName"]]) for part in schema]

    # ---- mails ------------------------------------------------------------------------------
    def _box(self, box: str) -> list[Path]:
        if box == "sent":
            return list(self.runtime.mailbox.mails())
        if box == "arrived":
            return list(self.runtime.inbound()) if isinstance(self.runtime, TakesMail) else []
        msg = "there are two boxes, sent and arrived"
        raise NotFound(msg)

    def _mails(self, query: Query) -> Response:
        box = query.get("box") or "sent"
        paths = self._box(box)[::-1]
        begin = query.number("from")
        return self._page(
            "mails.html",
            query,
            box=box,
            counts={one: len(self._box(one)) for one in ("sent", "arrived")},
            heads=[mails.head(path) for path in paths[begin : begin + ON_A_PAGE]],
            begin=begin,
            after=begin + ON_A_PAGE if begin + ON_A_PAGE < len(paths) else 0,
            before=max(begin - ON_A_PAGE, 0),
            total=len(paths),
        )

    def _mail_file(self, box: str, name: str) -> Path:
        for path in self._box(box):
            if path.name == name:
                return path
        msg = f"this mail is not in the box {box}"
        raise NotFound(msg)

    def _mail(self, box: str, name: str, query: Query) -> Response:
        mail = mails.read(self._mail_file(box, name))
        return self._page(
            "mail.html",
            query,
            box=box,
            name=name,
            mail=mail,
            headers=[(header, cut(value, characters=500)) for header, value in mail.headers],
            text=cut(mail.text, characters=TEXT_ON_A_PAGE),
        )

    def _part_of_mail(self, box: str, name: str, rest: Sequence[str]) -> Response:
        path = self._mail_file(box, name)
        match rest:
            case ["source"]:
                return _download(path.read_bytes(), name)
            case ["html"]:
                headers = {
                    "content-type": "text/html; charset=utf-8",
                    "content-security-policy": MAIL_POLICY,
                }
                return Response(200, mails.read(path).html, headers)
            case ["attachments", number] if number.isascii() and number.isdigit():
                attachments = mails.read(path).attachments
                if len(number) < 6 and int(number) < len(attachments):
                    attachment = attachments[int(number)]
                    return _download(attachment.content, attachment.name)
        msg = "the mail has no such part"
        raise NotFound(msg)

    # ---- documents --------------------------------------------------------------------------
    def _bucket(self, bucket: str, query: Query) -> Response:
        self._check_bucket(bucket)
        prefix = query.get("prefix")
        request: dict[str, Any] = {"Bucket": bucket, "MaxKeys": 100}
        if prefix:
            request["Prefix"] = prefix
        if query.get("after"):
            request["StartAfter"] = query.get("after")
        listed = self.runtime.buckets.call("ListObjectsV2", request)
        keys = [str(one["Key"]) for one in listed.get("Contents", ())]
        more = [
            key for key in keys if key > query.get("after")
        ]  # one that knows no paging gives all
        return self._page(
            "bucket.html",
            query,
            bucket=bucket,
            prefix=prefix,
            keys=more[:100],
            next=more[99] if len(more) > 100 or (listed.get("IsTruncated") and more[99:]) else "",
        )

    def _document(self, bucket: str, query: Query) -> Response:
        self._check_bucket(bucket)
        key = query.fields.get("key", "")
        found = self.runtime.buckets.call("GetObject", {"Bucket": bucket, "Key": key})
        return _download(found["Body"].read(), key.rpartition("/")[2] or "document")

    def _check_bucket(self, bucket: str) -> None:
        if bucket not in self.runtime.stack.buckets:
            msg = f"there is no bucket {bucket[:80]}"
            raise NotFound(msg)

    # ---- log and clock ----------------------------------------------------------------------
    @property
    def _log(self) -> Path:
        return self.runtime.folder / "functions.jsonl"

    def _logs(self, query: Query) -> Response:
        wanted = wanted_lines(query)
        read = logs.tail(self._log, wanted, limit=LINES_SHOWN)
        return self._page(
            "logs.html",
            query,
            wanted=wanted,
            levels=logs.LEVELS,
            names=sorted(self.runtime.stack.functions),
            lines=_fitting(read.lines),
            cursor=read.cursor,
        )

    def _move_clock(self, deed: str, form: Query) -> Response:
        match deed:
            case "jump":
                given = {n: form.get(n) for n in ("days", "to") if form.get(n)}
                if "to" in given:  # a browser's field for an instant knows no zone: it is UTC here
                    given["to"] = given["to"].removesuffix("Z") + "+00:00"
                deeds.jump(self.controls, given)
            case "speed":
                deeds.set_speed(self.controls, form.fields)
            case "pause":
                deeds.pause(self.controls)
            case "resume":
                deeds.resume(self.controls)
            case _:
                msg = "the clock can jump, take a speed, pause and resume"
                raise NotFound(msg)
        return _see_other(f"clock?done={deed}")


def _fitting(lines: Sequence[logs.Line]) -> list[logs.Line]:
    """Give the newest lines that fit on a page."""
    left = TEXT_ON_A_PAGE
    fitting: list[logs.Line] = []
    for line in reversed(lines):
        left -= 180 + length_on_page(line.function + line.message + line.more)
        if left < 0 and fitting:
            break
        fitting.append(line)
    return fitting[::-1]


def _form(request: Request) -> Query:
    try:
        return Query(request.body.decode())
    except UnicodeDecodeError:
        msg = "reading the form: it is not text"
        raise BadInput(msg) from None


def _see_other(where: str) -> Response:
    return Response(303, b"", {"location": f"/_local/{where}"})


def _download(content: bytes, name: str) -> Response:
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)
    disposition = f"attachment; filename=\"{safe}\"; filename*=UTF-8''{quote(name, safe='')}"
    return Response(
        200,
        content,
        {"content-type": "application/octet-stream", "content-disposition": disposition},
    )


def _key_as_text(key: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def _key_from(text: str) -> Mapping[str, Any]:
    try:
        key = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        key = None
    if not isinstance(key, dict):
        msg = "reading the address: its key is damaged; go back to the table"
        raise BadInput(msg)
    return key


def _after_redrive(sent: deeds.SentBack) -> str:
    """Give the address of the page that says what became of dead letters."""
    path = f"queues/{quote(sent.queue)}?done="
    if sent.left:
        return f"{path}stay&moved={sent.moved}&left={sent.left}&why={quote(sent.why)}"
    return path + ("redriven" if sent.moved else "nothing")


def _done(query: Query) -> str:
    """Say what was done; a reason is shown only when it is one of ours, not what a link says."""
    text = _DONE.get(query.get("done"), "")
    why = query.get("why")
    if query.get("done") == "stay" and why not in deeds.REASONS:
        return ""
    return text.format(moved=query.number("moved"), left=query.number("left"), why=why)
