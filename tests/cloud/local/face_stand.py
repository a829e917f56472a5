"""A small stack for the face to look at: real tables and queues, a hand-made rest, its own port."""

import io
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

from cloud.kernel.errors import BadInput
from cloud.local.clock import SimulatedClock
from cloud.local.dynamodb.engine import Engine
from cloud.local.dynamodb.hook import ServiceError
from cloud.local.face.face import Face
from cloud.local.lambdas import Statistics
from cloud.local.queues import Queues, arn_of
from cloud.local.template import Function, Mapped, Route, Scheduled, Stack
from cloud.local.timetable import ScheduleState, Upcoming
from cloud.local.web import Request, Response

NOW = datetime(2026, 7, 1, 3, 30, tzinfo=UTC)
KEYS = [
    {"AttributeName": "pk", "KeyType": "HASH"},
    {"AttributeName": "sk", "KeyType": "RANGE"},
]
TABLE = {
    "AttributeDefinitions": [{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk")],
    "KeySchema": KEYS,
    "BillingMode": "PAY_PER_REQUEST",
}
QUEUES = {
    "Work": {
        "VisibilityTimeout": 60,
        "RedrivePolicy": {"deadLetterTargetArn": arn_of("WorkDead"), "maxReceiveCount": 1},
    },
    "WorkDead": {},
    "Lonely": {},
}
STACK = Stack(
    functions={
        "WorkFunction": Function(
            "WorkFunction",
            "cloud.functions.work.handler",
            30,
            {"WORK_TABLE": "Things", "API_TOKEN": "tok-112233", "PLAIN": "account_number=99887766"},
        ),
        "WebFunction": Function("WebFunction", "cloud.functions.web.handler", 30, {}),
    },
    tables={"Things": TABLE},
    queues=QUEUES,
    buckets={"Papers": {}},
    mappings=(Mapped("WorkMapping", "Work", False, "WorkFunction", 10, True),),
    schedules=(Scheduled("Nightly", "cron(0 5 * * ? *)", "America/New_York", "WorkFunction", {}),),
    topic_rules={
        "Chunks": {
            "RuleName": "chunks",
            "TopicRulePayload": {
                "Sql": "SELECT * FROM 'a/+' WHERE x < 1",
                "Actions": [{"Sqs": {"QueueUrl": "http://127.0.0.1/000000000000/Work"}}],
            },
        }
    },
    event_rules={},
    receipt_rules={},
    keys={},
    key_aliases={},
    iot_policies={},
    provisioning={},
    routes=(Route("/v1/", "WebFunction", None),),
    user_pools={},
    scopes=frozenset(),
)


class Papers:
    """A bucket in memory."""

    def __init__(self):
        self.objects = {}

    def call(self, operation, parameters):
        if operation == "ListObjectsV2":
            prefix, after = parameters.get("Prefix", ""), parameters.get("StartAfter", "")
            keys = sorted(k for k in self.objects if k.startswith(prefix) and k > after)
            shown = keys[: parameters["MaxKeys"]]
            return {
                "Contents": [{"Key": key} for key in shown],
                "IsTruncated": len(keys) > len(shown),
            }
        if parameters["Key"] not in self.objects:
            raise ServiceError("NoSuchKey", "The specified key does not exist.", 404)
        return {"Body": io.BytesIO(self.objects[parameters["Key"]])}


class Box:
    """A folder of mails."""

    def __init__(self, folder):
        folder.mkdir(exist_ok=True)
        self.folder = folder

    def put(self, name, content):
        (self.folder / name).write_bytes(content)

    def mails(self):
        return sorted(self.folder.glob("*.eml"))


class Stand:
    """What the face asks of a runtime."""

    def __init__(self, folder: Path, stack: Stack = STACK):
        folder.mkdir(exist_ok=True, parents=True)
        self.folder = folder
        self.stack = stack
        self.clock = SimulatedClock(folder / "clock.sqlite", starts_at=NOW)
        self.engine = Engine(folder / "tables.sqlite", clock=self.clock.now)
        ignored = {
            "BillingMode",
            "SSESpecification",
            "PointInTimeRecoverySpecification",
            "StreamSpecification",
        }
        for name, definition in stack.tables.items():
            kept = {k: v for k, v in definition.items() if k not in ignored}
            self.engine.create_table({"TableName": name, **kept})
        self.queues = Queues(folder / "queues.sqlite", self.clock)
        for name, definition in stack.queues.items():
            self.queues.create(name, {k: v for k, v in definition.items() if k != "QueueName"})
        self.buckets = Papers()
        self.mailbox = Box(folder / "mail")
        self.arrived = Box(folder / "arrived")
        self.counted = {}
        self.functions = SimpleNamespace(statistics=lambda: self.counted)
        self.due = []

    def close(self):
        self.queues.close()
        self.engine.close()
        self.clock.close()

    def upcoming(self, limit):
        return self.due[:limit]

    def schedule_states(self):
        return [
            ScheduleState(s.name, s.expression, s.timezone, NOW + timedelta(hours=5), None)
            for s in self.stack.schedules
        ]

    def inbound(self):
        return self.arrived.mails()

    def log(self, text):
        with (self.folder / "functions.jsonl").open("ab") as file:
            file.write(text if isinstance(text, bytes) else text.encode())

    def dead_letter(self, body):
        """Have a message fail at its function until it is a dead letter."""
        self.queues.send("Work", body)
        self.queues.receive("Work", limit=1)
        self.clock.move_to(self.clock.now() + timedelta(seconds=61))
        self.queues.receive("Work", limit=1)

    def busy(self, **figures):
        self.counted = {"WorkFunction": replace(Statistics(), **figures)}

    def awaits(self, *what):
        self.due = [Upcoming(NOW + timedelta(hours=n + 1), text) for n, text in enumerate(what)]


@dataclass(frozen=True)
class State:
    now: datetime
    speed: float
    is_paused: bool
    target: datetime | None
    started_from: datetime | None


class Controls:
    """Moves the clock of a stand; each look at it lets a jump come a fifth nearer."""

    def __init__(self, stand):
        self._clock = stand.clock
        self._speed, self._is_paused = 60.0, False
        self._target = self._started = self._step = None
        self.is_held = False

    def state(self):
        seen = State(self._clock.now(), self._speed, self._is_paused, self._target, self._started)
        if self._target is not None and not self.is_held:
            self._clock.move_to(min(self._clock.now() + self._step, self._target))
            if self._clock.now() == self._target:
                self._target = self._started = None
        return seen

    def jump_to(self, instant):
        now = self._clock.now()
        if instant <= now:
            msg = f"moving the clock: {instant} is not after {now}"
            raise BadInput(msg)
        self._target, self._started, self._step = instant, now, (instant - now) / 5

    def jump_by(self, days):
        self.jump_to(self._clock.now() + timedelta(days=days))

    def set_speed(self, speed):
        self._speed = speed

    def pause(self):
        self._is_paused = True

    def resume(self):
        self._is_paused = False


def ask(face, path, method="GET", body=b"", headers=()):
    """Send a request as a browser's page of ours would."""
    parts = urlsplit(path)
    own = {"host": "127.0.0.1:8787"}
    if method == "POST":
        own["origin"] = "http://127.0.0.1:8787"
    request = Request(method, parts.path, parts.query, own | dict(headers), body)
    return face.answer(request)


@contextmanager
def served(face: Face, port: int = 0):
    """Answer for a face on a loopback port; gives the port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self):
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Request(self.command, parts.path, parts.query, headers, body)
            response = face.answer(asked) or Response(404, b"{}", {})
            self.send_response(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(response.body)))
            self.end_headers()
            self.wfile.write(response.body)

        do_GET = do_POST = _serve  # noqa: N815 - the base's names

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
