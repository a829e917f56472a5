"""`kill -9` of the listener while devices publish: what was acknowledged is there."""

import os
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
from pathlib import Path

import cloud
from cloud.local.authority import Authority
from cloud.local.mqtt import packets

ROOT = Path(cloud.__file__).parents[1]
ROUNDS = 3


def start(folder: Path, port: int) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, str(Path(__file__).with_name("listener_process.py")), str(folder),
         str(port)],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def kill(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


HELLO = packets.Connect("home-1", clean_session=False)


def connect(context: ssl.SSLContext, port: int, hello: packets.Connect = HELLO) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", port), timeout=5)
    tls = context.wrap_socket(plain, server_hostname="localhost")
    tls.sendall(packets.encode(hello))
    return tls


def read(tls: ssl.SSLSocket, count: int) -> list[packets.Packet]:
    splitter, found = packets.Splitter(), list[packets.Packet]()
    while len(found) < count:
        splitter.feed(tls.recv(65536))
        found.extend(splitter.packets())
    return found


def publish_until_cut(
    context: ssl.SSLContext, port: int, first: int, kill_after: int, victim: int
) -> tuple[set[int], int]:
    """Publish numbers, ten at a time unacknowledged, and kill the listener in the middle."""
    acknowledged: set[int] = set()
    splitter, number = packets.Splitter(), first
    with connect(context, port) as tls:
        try:
            while True:
                while number - first - len(acknowledged) < 10:
                    packet_id = number % 0xFFFF + 1
                    payload = b"%d" % number
                    message = packets.Message("$aws/rules/t/home-1/chunk", payload, 1, packet_id)
                    tls.sendall(packets.encode(message))
                    number += 1
                data = tls.recv(65536)
                if not data:
                    break
                splitter.feed(data)
                for packet in splitter.packets():
                    if isinstance(packet, packets.Puback):
                        acknowledged.add(packet.packet_id - 1)
                if len(acknowledged) >= kill_after and victim:
                    os.kill(victim, signal.SIGKILL)
                    victim = 0
        except (ConnectionError, ssl.SSLError):
            pass
    return acknowledged, number


def stored(folder: Path) -> set[int]:
    db = sqlite3.connect(folder / "journal.db")
    rows = {int(row[0]) for row in db.execute("SELECT payload FROM message")}
    db.close()
    return rows


def test_nothing_acknowledged_is_missing(tmp_path: Path, authority: Authority) -> None:
    shutil.copytree(authority.ca_path.parent, tmp_path / "ca")
    context = authority.device_context("home-1")
    port, first, acknowledged = 0, 0, set[int]()
    for round_number in range(ROUNDS):
        process, port = start(tmp_path, port)
        kill_after = 150 + 37 * round_number
        got, first = publish_until_cut(context, port, first, kill_after, process.pid)
        kill(process)
        assert len(got) >= kill_after
        acknowledged |= got
    missing = acknowledged - stored(tmp_path)
    assert missing == set(), f"{len(missing)} of {len(acknowledged)} acknowledged are missing"


def test_queued_commands_survive_the_kill(tmp_path: Path, authority: Authority) -> None:
    """A command sent to an absent device, a session and its will outlive the process."""
    shutil.copytree(authority.ca_path.parent, tmp_path / "ca")
    context = authority.device_context("home-1")
    process, port = start(tmp_path, 0)
    will = packets.Will("sr/v1/home-1/s", b"down", 1)
    hello = packets.Connect("home-1", clean_session=False, will=will)
    with connect(context, port, hello) as tls:
        tls.sendall(packets.encode(packets.Subscribe(1, (("down", 1),))))
        tls.sendall(packets.encode(packets.Message("down", b"to myself", 1, 2)))
        assert packets.Puback(2) in read(tls, 4)  # and CONNACK, SUBACK, the message itself
        kill(process)
    process, port = start(tmp_path, port)
    with connect(context, port) as tls:
        assert read(tls, 2) == [
            packets.Connack(0, session_present=True),
            packets.Message("down", b"to myself", 1, 1, dup=True),
        ]
    kill(process)
    db = sqlite3.connect(tmp_path / "journal.db")
    assert db.execute("SELECT payload FROM message").fetchall() == [(b"to myself",), (b"down",)]
    db.close()
