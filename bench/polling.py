"""Requests and CPU of one poll: the agent's reader beside pysunspec2, on the same registers.

A simulated house and a device with 16 models; of the latter what telemetry needs, and all points.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from sunspec2.modbus.client import SunSpecModbusClientDeviceTCP

from edge_agent.modbus import Registers
from edge_agent.poll import Poller
from edge_agent.simulator.curve import Curve
from edge_agent.simulator.house import House, HouseSpec
from edge_agent.simulator.image import Image, Template, from_file, to_json
from edge_agent.simulator.server import Port, Server
from edge_agent.sunspec.report import read_report
from edge_agent.sunspec.scan import scan

NOON = 1_780_340_400  # 2026-06-01 12:00 in the house's standard time
MIDNIGHT = NOON - 12 * 3600
POLLS = 300
DER = Path(__file__).parents[2] / "shared" / "data" / "sunspec" / "emulated_der.json"
"""1,194 registers, 789 points; without it a device of our own stands in."""
OF_TELEMETRY = (1, 103, 160, 802)
OF_DER = (701, 713, 714)


@dataclass(frozen=True)
class Polled:
    """One reader.

    Attributes:
        what: it read.
        reader: its name.
        cpu_ms: CPU of the reading thread for one poll, the median.
        requests: Modbus requests of one poll.
    """

    what: str
    reader: str
    cpu_ms: float
    requests: int


def der_image() -> Image:
    """Return the device with many models."""
    if DER.exists():
        return from_file(DER)
    template = Template([(1, 0), (701, 0), (704, 1), (713, 0), (714, 6), (160, 12), (203, 0)])
    numbers: dict[str, int | str | None] = {
        name: 0 if name.endswith("_SF") else 7
        for name in template.slots
        if not name.startswith("1.") and name.partition(".")[2] not in {"ID", "L"}
    }
    words = template.filled(numbers | {"1.SN": "BENCH-2", "160.N": 12, "714.NPrt": 6})
    return Image(1, ((40000, tuple(words)),))


def run(polls: int = POLLS) -> list[Polled]:
    """Read each device a few hundred times with each reader, in turns."""
    house = House(HouseSpec("BENCH-1", battery=802), Curve("bench", MIDNIGHT)).image(NOON)
    found: list[Polled] = []
    for what, image, numbers, times in (
        ("telemetry of a house", house, OF_TELEMETRY, polls),
        ("telemetry of 16 models", der_image(), OF_DER, polls),
        ("all points of 16 models", der_image(), None, polls // 4),
    ):
        with Server(lambda: float(NOON)) as server:
            port = server.add(image)
            with _readers(port.number, numbers) as readers:
                asked = {name: _asked(port, read) for name, read in readers.items()}
        with _served(image) as number, _readers(number, numbers) as readers:
            spent = _spent_ms(readers, times)
        found += [Polled(what, name, spent[name], asked[name]) for name in readers]
    return found


@contextmanager
def _readers(
    port: int, numbers: tuple[int, ...] | None
) -> Iterator[Mapping[str, Callable[[], object]]]:
    """Give both readers; without numbers of models both read all points of all models."""
    source = Registers("127.0.0.1", port, 1.0)
    peer = _Peer(port, numbers)
    if numbers is None:
        chain = scan(source, (1,))
        assert chain is not None
        yield {"agent": lambda: read_report("", source, chain), "pysunspec2": peer.read}
    else:
        poller = Poller(source, unit=1, rated_w=5000)
        instants = iter(range(NOON, NOON + 60 * 10**6, 60))
        for _ in range(3):
            poller.poll(next(instants))
        yield {"agent": lambda: poller.poll(next(instants)), "pysunspec2": peer.read}
    source.close()
    peer.close()


def _asked(port: Port, read: Callable[[], object]) -> int:
    before = port.requests
    read()
    return port.requests - before


@contextmanager
def _served(image: Image) -> Iterator[int]:
    """Serve an image in a process of its own, so that it takes no turn from who reads it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.json"
        path.write_text(json.dumps(to_json(image, name="bench", source="bench")))
        words = [sys.executable, "-m", "edge_agent.cli", "sim", str(path)]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline().split()[0].rpartition(":")[2])
        finally:
            process.terminate()
            process.wait()
            process.stdout.close()


class _Peer:
    """pysunspec2 after its scan; it reads some models, or all."""

    def __init__(self, port: int, numbers: tuple[int, ...] | None) -> None:
        self._device = SunSpecModbusClientDeviceTCP(1, "127.0.0.1", port)
        self._device.scan()
        all_models = [
            m for key, group in self._device.models.items() if _is_number(key) for m in group
        ]
        self._models = [m for m in all_models if numbers is None or m.model_id in numbers]

    def read(self) -> None:
        for model in self._models:
            model.read()
            model.get_dict(computed=True)

    def close(self) -> None:
        self._device.close()


def _is_number(key: object) -> bool:
    return isinstance(key, int)


def _spent_ms(readers: Mapping[str, Callable[[], object]], polls: int) -> dict[str, float]:
    """Return the CPU of one poll of each reader, the median; they take turns."""
    spent: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(polls):
        for name, read in readers.items():
            start = time.thread_time()
            read()
            spent[name].append(time.thread_time() - start)
    return {name: 1000 * median(times) for name, times in spent.items()}


def main() -> int:
    """Print what a poll costs beside the peer's."""
    found = run()
    for ours, peer in zip(found[::2], found[1::2], strict=True):
        for what, mine, theirs in (
            ("CPU, ms", ours.cpu_ms, peer.cpu_ms),
            ("requests", ours.requests, peer.requests),
        ):
            print(
                f"{ours.what:26}{what:10}{mine:8.2f}   {peer.reader} {theirs:8.2f}"
                f"   {mine / theirs:.2f}x"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
