"""The queue: what was kept stays kept, numbers are used once, what was sent can be sent again."""

import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cloud.telemetry.chunk import decode
from edge_agent.outbox import Answer, DeviceState, Outbox
from edge_agent.reading import Reading, Window

ROOT = Path(__file__).parents[2]
T0 = 1782000000
HEAD = Window("gw-0001", "5f", 0, T0, 900, 0, 1, {"up": 1})


@pytest.fixture
def outbox(tmp_path):
    box = Outbox(tmp_path / "deep" / "outbox.sqlite")
    yield box
    box.close()


def row(at, watts, quality=0):
    return Reading("SN-1", at, quality, "1.103", {"W": watts})


def seal(outbox, before):
    return outbox.seal(before=before, window_s=3600, head=HEAD)


def test_readings_become_one_chunk_per_window(outbox):
    outbox.append([row(T0 + 900 * i, i) for i in range(6)])
    assert seal(outbox, T0) == 0, "the window is not over"
    assert seal(outbox, T0 + 3600) == 1
    assert seal(outbox, T0 + 3600) == 0, "sealed once"
    assert seal(outbox, T0 + 7200) == 1
    newest, oldest = (decode(waiting.payload) for waiting in outbox.waiting_chunks())
    assert (oldest.seq, oldest.t0, oldest.dt, oldest.n) == (1, T0, 900, 4)
    assert oldest.devices[0].columns == {"W": (0, 1, 2, 3)}
    assert newest.devices[0].columns == {"W": (4, 5, None, None)}
    assert newest.devices[0].quality == (0, 0, None, None)


def test_a_number_is_never_used_again(outbox, tmp_path):
    for i in range(3):
        outbox.append([row(T0 + 3600 * i, 1)])
        seal(outbox, T0 + 3600 * (i + 1))
    outbox.acknowledge(chunks=[1, 2, 3], events=[], at=T0)
    outbox.acknowledge(chunks=[], events=[], at=T0 + 8 * 86400)
    assert outbox.counts()["kept_chunks"] == 0
    outbox.close()
    again = Outbox(tmp_path / "deep" / "outbox.sqlite")
    again.append([row(T0, 1)])
    seal(again, T0 + 3600)
    assert [waiting.number for waiting in again.waiting_chunks()] == [4]
    again.close()


def test_acknowledged_chunks_are_kept_and_sent_again_on_request(outbox):
    for i in range(3):
        outbox.append([row(T0 + 3600 * i, 1)])
        seal(outbox, T0 + 3600 * (i + 1))
    before = {waiting.number: waiting.payload for waiting in outbox.waiting_chunks()}
    outbox.acknowledge(chunks=[1, 2, 3], events=[], at=T0)
    assert outbox.depth() == 0
    outbox.acknowledge(chunks=[], events=[], at=T0 + 7 * 86400)
    assert outbox.send_again("RS-1", [(2, 9)], at=T0 + 7 * 86400) == Answer(put_back=2, gone=6)
    assert {w.number: w.payload for w in outbox.waiting_again()} == {2: before[2], 3: before[3]}


def test_of_two_readings_of_one_instant_silence_loses(outbox):
    outbox.append([row(T0, 7)])
    outbox.append([row(T0, None, quality=2)])
    outbox.append([row(T0 + 900, None, quality=2)])
    outbox.append([row(T0 + 900, 8)])
    seal(outbox, T0 + 3600)
    device = decode(outbox.waiting_chunks()[0].payload).devices[0]
    assert device.quality == (0, 0, None, None)
    assert device.columns["W"] == (7, 8, None, None)


def test_a_reading_for_a_sealed_window_gets_its_own_chunk(outbox):
    for watts in (1, 2):
        outbox.append([row(T0, watts)])
        seal(outbox, T0 + 3600)
    assert [decode(w.payload).key for w in outbox.waiting_chunks()] == [
        ("gw-0001", T0, 2),
        ("gw-0001", T0, 1),
    ]


def test_append_is_all_or_nothing(outbox):
    bad = Reading("SN-1", T0, 0, None, {})
    with pytest.raises(sqlite3.IntegrityError):
        outbox.append([row(T0, 1), bad], [b"event"])
    assert outbox.counts()["readings"] == 0
    assert outbox.counts()["events"] == 0


def test_states_survive(outbox, tmp_path):
    state = DeviceState("SN-1", "1.103", 5, {"Evt1": 4})
    outbox.append([], [b"one"], {"roof": state})
    outbox.close()
    again = Outbox(tmp_path / "deep" / "outbox.sqlite")
    assert again.states() == {"roof": state}
    assert [waiting.payload for waiting in again.waiting_events()] == [b"one"]
    again.close()


AGENT = """
import sys
from pathlib import Path
from edge_agent.agent import Agent
from edge_agent.settings import BrokerSettings, DeviceSettings, Settings
from edge_agent.simulator.curve import Curve
from edge_agent.simulator.house import House, HouseSpec
from edge_agent.simulator.quiet import HouseSource

class Clock:
    at = float(sys.argv[2])
    def now(self):
        return self.at

clock = Clock()
source = HouseSource(House(HouseSpec("SN-1"), Curve("SN-1", 1781938800)))
settings = Settings("gw-0001", Path(sys.argv[1]), BrokerSettings("127.0.0.1", 1),
                    (DeviceSettings("roof", "127.0.0.1"),), poll_s=900, window_s=3600)
agent = Agent(settings, clock=clock, boot_id="5f", source_of=lambda device: source)
while True:
    source.at = clock.at
    agent.tick()
    print(int(clock.at), flush=True)
    clock.at += 900
"""


def test_kill_9_loses_nothing_that_was_kept(tmp_path):
    """Killed five times in the middle of its work, the agent has every reading it reported."""
    path = tmp_path / "outbox.sqlite"
    reported: list[int] = []
    at = T0
    for round_number in range(5):
        command = [sys.executable, "-c", AGENT, str(path), str(at)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:  # noqa: S603
            first = "".join(process.stdout.readline() for _ in range(12))
            time.sleep(0.02 + 0.017 * round_number)
            process.kill()
            reported += [int(line) for line in (first + process.stdout.read()).splitlines()]
        at = reported[-1] + 900
    box = Outbox(path)
    found: list[int] = []
    sequence: list[int] = []
    for waiting in reversed(box.waiting_chunks(10_000)):
        chunk = decode(waiting.payload)
        sequence.append(chunk.seq)
        quality = chunk.devices[0].quality
        found += [chunk.t0 + chunk.dt * i for i, code in enumerate(quality) if code is not None]
    open_rows = box._db.execute("SELECT at FROM readings ORDER BY at").fetchall()
    box.close()
    found += [row[0] for row in open_rows]
    assert len(reported) > 50
    assert set(reported) <= set(found)
    assert len(found) == len(set(found)), "none twice"
    assert sequence == list(range(1, len(sequence) + 1)), "no number missing, none twice"
