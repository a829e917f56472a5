"""Posting webhooks over real sockets: to the address that was judged, with the name's certificate.

The names lead to 127.0.0.1, as the test's own resolver says, and the connection to port 443 is made
to the receiver's port: everything else is as it is on AWS.
"""

import socket
import time
from datetime import UTC, datetime
from threading import Event

import pytest
from webhook_receiver import Authority, Receiver, says

from cloud.adapters import webhooks
from cloud.adapters.webhooks import HttpsPoster, connected_to
from cloud.reporting.delivering import Answered

MONDAY = datetime(2026, 6, 8, 13, 0, tzinfo=UTC)
NAME = "hooks.partner.example"
URL = f"https://{NAME}/in?tenant=1"
PUBLIC = "93.184.215.14"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
HEADERS = {"webhook-id": "EVT-1", "content-type": "application/json"}


class At:
    """A clock that stands still."""

    def now(self):
        return MONDAY


class Dialled(HttpsPoster):
    """A poster whose connections to public addresses end at a receiver on this machine."""

    def __init__(self, port, **given) -> None:
        self.dialled: list[tuple[str, int]] = []

        def connect(address, asked_port, seconds):
            self.dialled.append((address, asked_port))
            return connected_to("127.0.0.1", port, seconds)

        super().__init__(clock=At(), connect=connect, **given)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def shown(authority):
    """What the server of the name shows."""
    return authority.server_context(NAME)


@pytest.fixture
def receiver(shown):
    made = []

    def listening(talk, context=shown):
        made.append(Receiver(talk, context))
        return made[-1]

    yield listening
    for one in made:
        one.close()


def posted(poster, url=URL, *, seconds=5, most_bytes=65_536, headers=HEADERS):
    return poster.post(
        url, headers=headers, body=b'{"a":1}', seconds=seconds, most_bytes=most_bytes
    )


def leads_to(*addresses):
    return lambda _host, _port: addresses


def poster_to(receiver, authority, *addresses):
    resolve = leads_to(*(addresses or (PUBLIC,)))
    return Dialled(receiver.port, resolve=resolve, context=authority.trusted())


def test_what_arrives_is_the_body_with_its_headers_under_the_name(receiver, authority):
    there = receiver(says(OK))
    poster = poster_to(there, authority)
    answered = posted(poster)
    assert answered == Answered(200)
    assert 0 < answered.took_s < 5
    head, _, body = there.requests[0].partition(b"\r\n\r\n")
    assert head.decode().splitlines() == [
        "POST /in?tenant=1 HTTP/1.1",
        f"host: {NAME}",
        "webhook-id: EVT-1",
        "content-type: application/json",
        "content-length: 7",
        "accept: */*",
        "connection: close",
    ]
    assert body == b'{"a":1}'
    assert there.names == [NAME]
    assert poster.dialled == [(PUBLIC, 443)]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(OK, Answered(200), id="200"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", Answered(204), id="204"),
        pytest.param(b"HTTP/1.0 202 \r\n\r\n", Answered(202), id="1.0, without a reason"),
        pytest.param(b"HTTP/1.1 202\r\n\r\n", Answered(202), id="without even the blank"),
        pytest.param(b"HTTP/1.1 410 Gone\r\n\r\n", Answered(410), id="410"),
        pytest.param(b"HTTP/1.1 500 No\r\n\r\n" + b"x" * 300_000, Answered(500), id="a long no"),
        pytest.param(
            b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\n\r\n",
            Answered(302),
            id="a redirect, which is not followed",
        ),
        pytest.param(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + OK,
            Answered(200),
            id="announced before it comes",
        ),
        pytest.param(b"", Answered(fault="bad_answer"), id="nothing"),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n", Answered(fault="bad_answer"), id="no HTTP"),
        pytest.param(b"HTTP/2 200\r\n\r\n", Answered(fault="bad_answer"), id="another version"),
        pytest.param(b"HTTP/1.1 2000 OK\r\n\r\n", Answered(fault="bad_answer"), id="four digits"),
        pytest.param(b"HTTP/1.1 099 OK\r\n\r\n", Answered(fault="bad_answer"), id="below 100"),
        pytest.param(b"x" * 300_000, Answered(fault="bad_answer"), id="endless nonsense"),
        pytest.param(
            b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000,
            Answered(fault="bad_answer"),
            id="endlessly announced",
        ),
    ],
)
def test_of_an_answer_the_status_is_told(receiver, authority, answer, expected):
    there = receiver(says(answer))
    assert posted(poster_to(there, authority)) == expected
    assert there.came == 1


def test_no_more_is_read_than_agreed(receiver, authority):
    there = receiver(says(b"HTTP/1.1 100 Continue\r\nx: y\r\n\r\n" + OK))
    assert posted(poster_to(there, authority), most_bytes=20) == Answered(fault="bad_answer")


# ---------------------------------------------------------------------- where it may go
@pytest.mark.rule("WH-07")
@pytest.mark.parametrize(
    "addresses",
    [
        pytest.param(("127.0.0.1",), id="this machine"),
        pytest.param(("169.254.169.254",), id="metadata"),
        pytest.param((PUBLIC, "10.0.0.1"), id="one of them is inside"),
        pytest.param(("2606:4700::1111", "::1"), id="one of version 6 is"),
        pytest.param(("::ffff:93.184.215.14",), id="mapped"),
        pytest.param(("fd00:ec2::254",), id="metadata, version 6"),
    ],
)
def test_a_name_that_leads_inside_is_not_connected_to(receiver, authority, addresses):
    there = receiver(says(OK))
    poster = poster_to(there, authority, *addresses)
    assert posted(poster) == Answered(fault="address_refused")
    assert (poster.dialled, there.came) == ([], 0)


@pytest.mark.rule("WH-07")
def test_a_name_is_looked_up_once_so_that_it_cannot_lead_elsewhere_behind_the_check(
    receiver, authority
):
    there = receiver(says(OK))
    answers = [(PUBLIC,), ("10.0.0.1",)]
    poster = Dialled(there.port, resolve=lambda *_: answers.pop(0), context=authority.trusted())
    assert posted(poster) == Answered(200)
    assert (poster.dialled, len(answers)) == ([(PUBLIC, 443)], 1)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{port}/", "https://127.0.0.1/", "https://user@hooks.partner.example/"]
)
def test_a_url_that_may_not_be_is_not_even_looked_up(receiver, authority, url):
    there = receiver(says(OK))
    asked = []
    poster = Dialled(there.port, resolve=lambda *a: asked.append(a), context=authority.trusted())
    assert posted(poster, url.format(port=there.port)) == Answered(fault="address_refused")
    assert (asked, there.came) == ([], 0)


def test_no_proxy_of_the_environment_is_asked(receiver, authority, monkeypatch):
    there, proxy = receiver(says(OK)), receiver(says(OK), None)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    assert posted(poster_to(there, authority)) == Answered(200)
    assert (there.came, proxy.came) == (1, 0)


def test_a_program_on_this_machine_where_that_is_allowed(receiver):
    there = receiver(says(OK), None)
    url = f"http://127.0.0.1:{there.port}/in"
    assert posted(HttpsPoster(clock=At(), to_loopback=True), url) == Answered(200)
    assert f"host: 127.0.0.1:{there.port}".encode() in there.requests[0]


def test_from_a_stack_on_one_machine_nothing_leaves_it(receiver, authority):
    there = receiver(says(OK))
    poster = Dialled(
        there.port,
        resolve=leads_to(PUBLIC),
        context=authority.trusted(),
        to_loopback=True,
    )
    assert posted(poster) == Answered(fault="address_refused")
    assert (poster.dialled, there.came) == ([], 0)


def test_a_header_that_would_become_two_is_not_sent(receiver, authority):
    there = receiver(says(OK))
    headers = {"webhook-id": "EVT-1\r\nhost: inside"}
    assert posted(poster_to(there, authority), headers=headers) == Answered(fault="address_refused")
    assert there.came == 0


# ---------------------------------------------------------------------- certificates
@pytest.mark.parametrize(
    ("names", "days"),
    [
        pytest.param(("other.partner.example",), 1, id="of another name"),
        pytest.param((NAME,), -1, id="whose time is over"),
    ],
)
def test_a_certificate_must_be_the_names_and_good(receiver, authority, names, days):
    there = receiver(says(OK), authority.server_context(*names, days=days))
    assert posted(poster_to(there, authority)) == Answered(fault="tls_failed")
    assert there.requests == []


def test_a_certificate_of_nobody_that_the_machine_trusts(receiver):
    there = receiver(says(OK))
    assert posted(Dialled(there.port, resolve=leads_to(PUBLIC))) == Answered(fault="tls_failed")
    assert there.requests == []


class Greeting(Receiver):
    """A server that speaks first."""

    def _request(self, connection):
        del connection
        return b""


def test_where_nobody_speaks_tls(authority):
    there = Greeting(says(b"220 mail.partner.example ready\r\n"))
    assert posted(poster_to(there, authority)) == Answered(fault="tls_failed")
    there.close()


# ---------------------------------------------------------------------- time
PAUSE = Event()
"""Never set: the receiver waits for it a moment."""


def drips(connection):
    """Say one byte at a time, each well within any time that one read may take."""
    for byte in b"HTTP/1.1 100 Continue\r\nx: " + b"y" * 1000:
        connection.sendall(bytes([byte]))
        PAUSE.wait(0.05)


def is_silent(connection):
    connection.recv(1)


@pytest.mark.parametrize("talk", [drips, is_silent], ids=["a byte at a time", "no answer"])
def test_the_time_is_for_all_of_it(receiver, authority, talk):
    there = receiver(talk)
    began = time.monotonic()
    answered = posted(poster_to(there, authority), seconds=0.4)
    assert answered == Answered(fault="timed_out")
    assert answered.took_s >= 0.4
    assert time.monotonic() - began < 3


def test_a_name_that_is_looked_up_for_ever_ends_in_time():
    over = Event()
    poster = HttpsPoster(clock=At(), resolve=lambda *_: over.wait(20) or ())
    assert posted(poster, seconds=0.2) == Answered(fault="timed_out")
    over.set()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(socket.gaierror(-2, "Name or service not known"), id="no such name"),
        pytest.param(UnicodeError("label too long"), id="a name that is none"),
        pytest.param(None, id="no address"),
    ],
)
def test_a_name_that_leads_nowhere(answer):
    def resolve(*_):
        if answer is not None:
            raise answer
        return ()

    assert posted(HttpsPoster(clock=At(), resolve=resolve)) == Answered(fault="name_unknown")


@pytest.mark.parametrize("first", [OSError("no route"), TimeoutError()], ids=["no way", "slow"])
def test_an_address_that_is_not_reached_is_followed_by_the_next(receiver, authority, first):
    there = receiver(says(OK))
    dialled = []

    def connect(address, _port, seconds):
        dialled.append(address)
        if len(dialled) == 1:
            raise first
        return connected_to("127.0.0.1", there.port, seconds)

    found = ("2606:4700::1111", PUBLIC, "1.1.1.1")
    poster = HttpsPoster(
        clock=At(), resolve=leads_to(*found), connect=connect, context=authority.trusted()
    )
    assert posted(poster) == Answered(200)
    assert dialled == ["2606:4700::1111", PUBLIC]


def test_a_closed_door(authority):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    poster = Dialled(port, resolve=leads_to(PUBLIC), context=authority.trusted())
    assert posted(poster) == Answered(fault="unreachable")


def test_the_machines_own_resolver_gives_addresses():
    assert "127.0.0.1" in webhooks.addresses_of("localhost", 443)
