"""`kill -9` of the whole stack while a gateway publishes: what was acknowledged is in the table."""

import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random  # noqa: TID251 - seeded, and the seed is printed

import paho.mqtt.client as paho

import cloud
from cloud.adapters import wiring
from cloud.local.authority import Authority
from cloud.local.conductor import Conductor
from edge_agent.reading import Reading, Window, seal

ROOT = Path(cloud.__file__).parents[1]
START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
T0 = int(START.timestamp())
GATEWAY = "gw-ash"
ROUNDS = 3
SEED = 20260601


class At:
    def now(self) -> datetime:
        return START


def chunk(sequence: int) -> bytes:
    window = Window(GATEWAY, "0", sequence, T0 - 3600 * sequence, 3600, 1, 1)
    reading = Reading("SN-1", window.t0, 0, "1.103", {"W": 1000, "WH": sequence})
    return seal(window, [reading])


def publish_until_killed(process, folder, first: int, kill_after: int) -> tuple[set[int], int]:
    """Publish chunks, ten at a time unacknowledged; kill the stack after so many PUBACKs."""
    port = int(process.stdout.readline())
    acknowledged: set[int] = set()
    sequences: dict[int, int] = {}
    is_gone = threading.Event()
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, GATEWAY, reconnect_on_failure=False)
    client.tls_set_context(Authority(folder / "ca", clock=At()).device_context(GATEWAY))

    def published(_client, _data, mid, *_):
        acknowledged.add(mid)
        if len(acknowledged) == kill_after:
            process.kill()

    client.on_publish = published
    client.on_disconnect = lambda *_: is_gone.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    sequence, deadline = first, time.monotonic() + 20
    while not is_gone.is_set() and time.monotonic() < deadline:
        if len(sequences) - len(acknowledged) >= 10:
            time.sleep(0.001)
            continue
        topic = f"$aws/rules/sunreeve_dev_chunks/{GATEWAY}/chunk"
        sequences[client.publish(topic, chunk(sequence), qos=1).mid] = sequence
        sequence += 1
    client.loop_stop()
    assert is_gone.is_set(), "the stack was not killed in time"
    return {sequences[mid] for mid in acknowledged if mid in sequences}, sequence


def test_what_was_acknowledged_is_in_the_telemetry_table(tmp_path, opened, template_cache):
    chance = Random(SEED)
    folder, acknowledged, sequence = tmp_path / "data", set(), 1
    with opened():
        pass  # translates the template once, and makes the folder
    script = Path(__file__).with_name("stack_process.py")
    for _ in range(ROUNDS):
        kill_after = chance.randrange(5, 150)
        with subprocess.Popen(  # noqa: S603 - our own script
            [sys.executable, str(script), str(folder), str(template_cache)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        ) as process:
            seen, sequence = publish_until_killed(process, folder, sequence, kill_after)
        assert len(seen) >= kill_after - 1, f"seed {SEED}"
        acknowledged |= seen
    with opened() as runtime:
        Conductor(runtime).advance_to(runtime.clock.now() + timedelta(minutes=30))
        table = wiring.chunks({"TELEMETRY_TABLE": "TelemetryTable"})
        kept = {
            one.sequence
            for one in table.between(GATEWAY, START - timedelta(days=600), START)
            if one.payload == chunk(one.sequence)
        }
        dead = runtime.queues.depth("ArrivalsDeadLetters")
    assert acknowledged - kept == set(), f"seed {SEED}"
    assert (dead.visible, dead.in_flight) == (0, 0)
