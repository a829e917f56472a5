"""The commands as a person gives them: a simulated device, a real broker, the agent."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from real_broker import IS_HERE, Cloud, RealBroker, until

from cloud.telemetry.chunk import decode
from edge_agent.simulator.curve import Curve
from edge_agent.simulator.house import House, HouseSpec
from edge_agent.simulator.image import to_json

pytestmark = pytest.mark.skipif(not IS_HERE, reason="mosquitto is not installed")

ROOT = Path(__file__).parents[2]
GW = "gw-0001"
DAY = 1781938800


@pytest.fixture
def begin(tmp_path):
    """Start a command; whatever runs at the end is killed."""
    running = []

    def start(*words, name):
        with (tmp_path / name).open("a") as out:
            running.append(
                subprocess.Popen(  # noqa: S603
                    [sys.executable, "-m", "edge_agent.cli", *words],
                    stdout=out,
                    stderr=out,
                    cwd=ROOT,
                    env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
                )
            )
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.wait(10)


def done(process, within_s=20.0):
    return process.wait(within_s)


def test_as_a_person_runs_it(tmp_path, papers, begin):
    broker = RealBroker(tmp_path / "broker", papers)
    came = []
    cloud = Cloud(broker, lambda topic, payload: came.append((topic, payload)))
    try:
        walk_through(tmp_path, broker, begin, came)
    finally:
        cloud.close()
        broker.stop(signal.SIGKILL)


def walk_through(tmp_path, broker, begin, came):
    image = tmp_path / "image.json"
    home = House(HouseSpec("SN-1", battery=802), Curve("SN-1", DAY))
    image.write_text(json.dumps(to_json(home.image(DAY + 43_200), name="home", source="test")))
    begin("sim", str(image), name="sim")
    until(lambda: ":" in (tmp_path / "sim").read_text())
    number = (tmp_path / "sim").read_text().split()[0].rpartition(":")[2]
    papers = broker.settings_of(GW)
    path = tmp_path / "agent.toml"
    path.write_text(
        f'thing = "{GW}"\noutbox = "{tmp_path}/outbox.sqlite"\npoll_s = 1\nwindow_s = 2\n'
        f'clock = "machine"\n[broker]\nhost = "127.0.0.1"\nport = {broker.port}\n'
        f'ca = "{papers.ca}"\ncert = "{papers.cert}"\nkey = "{papers.key}"\n'
        f'[[device]]\nname = "roof"\nhost = "127.0.0.1"\nport = {number}\n'
    )
    page, bundle = tmp_path / "report.html", tmp_path / "bundle.zip"
    assert done(begin("check", str(path), name="check")) == 0
    assert done(begin("commission", str(path), "-o", str(page), name="commission")) == 0
    assert "<html" in page.read_text().lower()

    agent = begin("run", str(path), name="run")
    until(lambda: len(chunks(came)) >= 2)
    agent.kill()
    agent.wait(10)
    seen = len(chunks(came))
    agent = begin("run", str(path), name="run")
    until(lambda: len(chunks(came)) >= seen + 2)
    assert done(begin("status", str(path), name="status")) == 0
    assert done(begin("queue", str(path), name="queue")) == 0
    assert done(begin("support-bundle", str(path), "-o", str(bundle), name="bundle")) == 0
    began = time.monotonic()
    agent.send_signal(signal.SIGTERM)
    assert done(agent) == 0
    assert time.monotonic() - began <= 2.0

    numbers = [chunk.seq for chunk in chunks(came).values()]
    assert sorted(numbers) == list(range(1, max(numbers) + 1)), "no number is left out"
    last = [payload for topic, payload in came if topic.endswith("/status")]
    assert last[0] == b'{"up":1}'
    assert "Traceback" not in (tmp_path / "run").read_text()
    key = Path(papers.key).read_text().splitlines()[1]
    with zipfile.ZipFile(bundle) as file:
        texts = {name: file.read(name).decode(errors="replace") for name in file.namelist()}
    assert "ABOUT.txt" in texts
    assert not any(key in text for text in texts.values())
    assert json.loads((tmp_path / "status").read_text())


def chunks(came):
    return {
        chunk.seq: chunk
        for topic, payload in tuple(came)
        if topic.endswith("/chunk")
        for chunk in (decode(payload),)
    }
