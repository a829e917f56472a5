"""The device reads the same rows as the gateway from the same images, on both runtimes."""

import json

from edge_agent.poll import Poller
from edge_agent.simulator.image import Image, Template
from tests.firmware.harness import both_runtimes, run

POLLER = """
import asyncio, json, sys
from sunreeve_device import modbus, poll

class Link:
    async def read(self, unit, address, count, timeout_ms):
        if self.mood == "silent":
            raise modbus.NoAnswer("silent")
        end = 40000 + len(self.words) // 4
        if unit != 1 or address < 40000 or address + count > end:
            raise modbus.Refused(2)
        at = 4 * (address - 40000)
        return bytes.fromhex(self.words[at : at + 4 * count])

async def main():
    link = Link()
    device = poll.Device(link, 1, 5000)
    for line in sys.stdin:
        at, link.mood, link.words = line.split()
        quality, values = await device.read_row(int(at))
        print(json.dumps([device.serial, device.label, quality, sorted(values.items())]))

asyncio.run(main())
"""
MODELS = [(1, 0), (103, 0), (160, 7), (123, 0), (802, 0), (203, 0)]
START = 1_782_064_800


def words_of(models=None, **changes) -> tuple[int, ...]:
    template = Template(models or MODELS)
    values = {
        "1.SN": "SN-1", "103.W": 1500, "103.W_SF": 0, "103.WH": 4_000_000, "103.WH_SF": 0,
        "103.St": 4, "160.DCW_SF": 0, "160.DCWH_SF": 0, "160.DCW.3": 70, "160.DCWH.7": 900_000,
        "203.W": -5, "203.W_SF": 1, "203.TotWhImp": 77_000, "203.TotWh_SF": 0,
        "802.SoC": 317, "802.SoC_SF": -1,
    }  # fmt: skip
    values |= {name.replace("__", "."): value for name, value in changes.items()}
    return tuple(template.filled({n: v for n, v in values.items() if n in template.slots}))


TURNS = [
    ("ok", words_of()),
    ("ok", words_of(**{"103.WH": 4_000_900})),
    ("ok", words_of(**{"103.WH": 3_000_000})),
    ("ok", words_of(**{"103.WH": 4_001_900, "103.W": 1600})),
    ("ok", words_of(**{"103.W_SF": 11})),
    ("ok", words_of(**{"103.St": 2, "103.W": None})),
    ("ok", words_of(**{"103.St": 7})),
    ("silent", words_of()),
    ("ok", words_of(**{"103.WH": 4_010_000})),
    ("silent", words_of()),
    ("ok", words_of(**{"1.SN": "SN-2", "103.WH": 10})),
    ("ok", words_of([(1, 0), (103, 0), (203, 0)], **{"1.SN": "SN-2", "103.WH": 20})),
    ("ok", words_of([(1, 0), (103, 0), (203, 0)], **{"1.SN": "SN-2", "103.WH": 2**32 - 100})),
    ("ok", words_of([(1, 0), (103, 0), (203, 0)], **{"1.SN": "SN-2", "103.WH": 2**32 - 90})),
    ("ok", words_of([(1, 0), (103, 0), (203, 0)], **{"1.SN": "SN-2", "103.WH": 50})),
]


class Still:
    """What the gateway reads from: the image of the turn, or silence."""

    def __init__(self) -> None:
        self.image: Image | None = None

    def read(self, unit: int, address: int, count: int) -> tuple[int, ...]:
        from edge_agent.source import NoReply

        if self.image is None:
            raise NoReply("silent")
        return self.image.read(unit, address, count)

    def close(self) -> None:
        pass


@both_runtimes
def test_a_day_of_turns_is_read_as_the_gateway_reads_it(runtime):
    source = Still()
    gateway = Poller(source, unit=1, rated_w=5000)
    asked, expected = "", []
    for turn, (mood, words) in enumerate(TURNS):
        at = START + 900 * turn
        source.image = Image(1, ((40000, words),)) if mood == "ok" else None
        row = gateway.poll(at)
        values = [[name, value] for name, value in sorted(row.values.items())]
        expected.append([row.serial, row.layout, row.quality, values])
        asked += f"{at} {mood} {''.join(f'{word:04x}' for word in words)}\n"
    said = [json.loads(line) for line in run(POLLER, runtime=runtime, stdin=asked).splitlines()]
    assert said == expected
    assert {row[2] for row in said} >= {0, 1, 2, 4, 5}
