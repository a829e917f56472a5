"""What the agent costs a gateway and its line: memory, start, CPU, bytes; beside peers from PyPI.

All processes run at the same time, each with a house of its own, and poll it once a second. The
peers read three values and publish each poll; the agent reads all of the house's columns and keeps
each reading on disk. One more agent polls once a minute, as in a home.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.gateway_peers import (
    OURS,
    PEERS,
    ROOT,
    Footprint,
    Peer,
    broker,
    command,
    footprint,
    running,
)
from edge_agent.reading import Reading, Window, seal
from edge_agent.simulator.curve import Curve
from edge_agent.simulator.house import House, HouseSpec
from edge_agent.simulator.quiet import readings
from edge_agent.simulator.server import Port, Server

MIDNIGHT = 1_780_297_200  # 2026-06-01 in the house's standard time
NOON = MIDNIGHT + 12 * 3600
SPEC = HouseSpec("BENCH-1", battery=802, meter=203)
WARM_S, RUN_S = 10, 100
IMPORTS = 5
DAY_S = 86_400
GOAL_RSS_MB, GOAL_IMPORT_MS, GOAL_IDLE, GOAL_BYTES = 35.0, 300.0, 0.01, 900.0


@dataclass(frozen=True, slots=True)
class Ran:
    """One process after its run.

    Attributes:
        name: of the process.
        rss_mb: its peak memory.
        threads: how many it had in the end.
        cpu_ms: for each second of the run, after it had begun.
        requests: to its house, for each second of the run.
    """

    name: str
    rss_mb: float
    threads: int
    cpu_ms: float
    requests: float


def imports() -> dict[str, float]:
    """Return the milliseconds of CPU that each takes to import, in turns, above a bare start.

    All of them are compiled before, as they are once they are installed.
    """
    present = [peer for peer in (OURS, *PEERS) if peer.is_there]
    spent: dict[str, list[float]] = {peer.name: [] for peer in present}
    with tempfile.TemporaryDirectory() as compiled:
        for peer in present:
            _cpu_ms(peer, peer.imports, compiled)
        for _ in range(IMPORTS):
            for peer in present:
                bare = _cpu_ms(peer, "pass", compiled)
                spent[peer.name].append(_cpu_ms(peer, peer.imports, compiled) - bare)
    return {name: median(times) for name, times in spent.items()}


def _cpu_ms(peer: Peer, code: str, compiled: str) -> float:
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled, "PYTHONDONTWRITEBYTECODE": ""}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(  # noqa: S603 - our own interpreter and code
            [str(peer.python), "-c", code],
            cwd=ROOT if peer == OURS else folder,
            env=environment,
            check=True,
            capture_output=True,
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def run(run_s: int = RUN_S) -> list[Ran]:
    """Run the agent, the agent at one poll a minute, and the peers; nothing without a broker."""
    present = [(OURS, 1, "agent"), (OURS, 60, "agent-60")]
    present += [(peer, 1, peer.name) for peer in PEERS if peer.is_there]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        at_broker = stack.enter_context(broker(folder / "broker"))
        if at_broker is None:
            return []
        server = stack.enter_context(Server(lambda: float(NOON)))
        ports: list[Port] = []
        numbers: list[int] = []
        for peer, poll_s, name in present:
            port = server.add(House(SPEC, Curve("bench", MIDNIGHT)))
            words = command(
                peer, folder / name, device=port.number, broker=at_broker, poll_s=poll_s
            )
            process = stack.enter_context(running(words, folder / name))
            ports.append(port)
            numbers.append(process.pid)
        time.sleep(WARM_S)
        before = _sampled(numbers, ports)
        time.sleep(run_s)
        after = _sampled(numbers, ports)
    return [
        Ran(
            name=f"{peer.name}, poll a minute" if poll_s == 60 else peer.name,
            rss_mb=end.rss_mb,
            threads=end.threads,
            cpu_ms=1000 * (end.cpu_s - start.cpu_s) / run_s,
            requests=(asked_end - asked_start) / run_s,
        )
        for (peer, poll_s, _), (start, asked_start), (end, asked_end) in zip(
            present, before, after, strict=True
        )
    ]


def _sampled(numbers: Sequence[int], ports: Sequence[Port]) -> list[tuple[Footprint, int]]:
    return [
        (_footprint(number), port.requests) for number, port in zip(numbers, ports, strict=True)
    ]


def _footprint(number: int) -> Footprint:
    try:
        return footprint(number)
    except (OSError, KeyError):
        return Footprint(0.0, 0.0, 0)


@dataclass(frozen=True, slots=True)
class Line:
    """What a day of one home takes on the line.

    Attributes:
        columns: that the home has.
        hour_bytes: payload of a chunk, the mean of a day's.
        publishes: chunks a day.
        row_bytes: of an hour, if each poll were a JSON object of its own, as the peers send it.
    """

    columns: int
    hour_bytes: float
    publishes: int
    row_bytes: float


def line(poll_s: int = 60, window_s: int = 3600) -> Line:
    """Seal a summer day of one home, and weigh it."""
    house = House(SPEC, Curve("bench", MIDNIGHT))
    rows = list(readings(house, range(MIDNIGHT, MIDNIGHT + DAY_S, poll_s)))
    hours = DAY_S // window_s
    chunks = [_chunk(rows, number, poll_s=poll_s, window_s=window_s) for number in range(hours)]
    objects = sum(len(json.dumps({"ts": row.at, **row.values})) for row in rows)
    known = {name for row in rows for name, value in row.values.items() if value is not None}
    return Line(
        columns=len(known),
        hour_bytes=sum(map(len, chunks)) / hours,
        publishes=hours,
        row_bytes=objects / 24,
    )


def _chunk(rows: list[Reading], number: int, *, poll_s: int, window_s: int) -> bytes:
    health: Mapping[str, int | str | None] = {
        "ver": "0.1.0",
        "up": 86_400,
        "queue": 0,
        "silent": 0,
        "ack_age": 3_590,
    }
    window = Window(
        gateway="gw-0001",
        boot="5f2a77c01b9e4d13",
        seq=4711 + number,
        t0=MIDNIGHT + number * window_s,
        dt=poll_s,
        n=window_s // poll_s,
        clock=1,
        health=health,
    )
    return seal(window, rows)


def main() -> int:
    """Print all of it; a goal that is missed is marked, and decides nothing."""
    for peer in PEERS:
        if not peer.is_there:
            print(f"{peer.name}: left out, there is no {peer.python} (make bench-gateway-peers)")
    print("import, ms of CPU above a bare interpreter")
    for name, spent_ms in imports().items():
        mark = "  over the goal" if name == OURS.name and spent_ms > GOAL_IMPORT_MS else ""
        print(f"  {name:34}{spent_ms:8.0f}{mark}")
    ran = run()
    if not ran:
        print("processes: left out, there is no mosquitto")
    else:
        head = f"peak MB{'threads':>9}{'CPU ms/s':>10}{'requests/s':>12}"
        print(f"{f'{RUN_S} s of polls, one a second':36}{head}")
    for one in ran:
        print(
            f"  {one.name:34}{one.rss_mb:7.1f}{one.threads:>9}"
            f"{one.cpu_ms:>10.2f}{one.requests:>12.2f}"
        )
    for one in ran[:2]:
        if one.rss_mb > GOAL_RSS_MB:
            print(f"  {one.name}: over the goal of {GOAL_RSS_MB} MB")
    if len(ran) > 1:
        print(f"idle CPU at a poll a minute: {ran[1].cpu_ms / 10:.2f} % (goal {GOAL_IDLE:.0%})")
    told = line()
    mark = "  over the goal" if told.hour_bytes > GOAL_BYTES else ""
    print(
        f"line: {told.columns} columns, {told.hour_bytes:.0f} B a site-hour{mark}, "
        f"{told.publishes} publishes a day; a JSON object a poll: {told.row_bytes:.0f} B, "
        f"{DAY_S // 60} publishes ({told.hour_bytes / told.row_bytes:.3f}x)"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
