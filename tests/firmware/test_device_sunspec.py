"""The device finds and decodes models as the gateway does, on both runtimes."""

import json
import struct

import pytest

from edge_agent.simulator.image import Image, Template, from_file
from edge_agent.sunspec.layout import PORT_COUNTS, TOLD_MODELS, layout
from edge_agent.sunspec.models import MODELS
from edge_agent.sunspec.scan import Chain, scan
from tests.firmware.harness import ROOT, both_runtimes, run

IMAGES = sorted(
    path
    for path in (ROOT / "../shared/data/sunspec").resolve().glob("*.json")
    if ".expected" not in path.name
)
DECODER = """
import asyncio, json, sys
from sunreeve_device import modbus, sunspec

class Link:
    async def read(self, unit, address, count, timeout_ms):
        start, words = self.block
        if address < start or address + count > start + len(words) // 2:
            raise modbus.Refused(2)
        return words[2 * (address - start) : 2 * (address - start + count)]

async def main():
    link = Link()
    for line in sys.stdin:
        start, counts, hexed = line.strip().split(" ")
        link.block = int(start), bytes.fromhex(hexed)
        models = await sunspec.discover(link, 1)
        print(json.dumps(models))
        counts = {int(at): n for at, n in json.loads(counts)}
        for number, address, length, count, steps in sunspec.maps_of(models, counts):
            words = link.block[1][2 * (address - int(start)) :][: 2 * count]
            print(json.dumps([number, address, count] + list(sunspec.decode(words, steps))))
        print("-")

asyncio.run(main())
"""


def counts_of(image: Image, chain: Chain) -> dict[int, int]:
    counts = {}
    for model in chain.models:
        if model.id in PORT_COUNTS:
            points = MODELS[model.id].group.points
            point = next(p for p in points if p.name == PORT_COUNTS[model.id])
            (said,) = image.read(chain.unit, model.address + point.offset, 1)
            if 0 < said < 0xFFFF:
                counts[model.address] = said
    return counts


def by_gateway(image: Image) -> tuple[Chain, dict[int, int], list]:
    chain = scan(image, [image.unit])
    counts = counts_of(image, chain)
    told = []
    for polled in layout(chain, counts).models:
        words = image.read(chain.unit, polled.extent.address, polled.extent.count)
        found, unusable = polled.decoder.columns(words)
        told.append([polled.model.id, polled.model.address, polled.extent.count, found, unusable])
    return chain, counts, told


def by_device(images: list[Image], runtime: str) -> list[tuple[list, list]]:
    asked = ""
    for image in images:
        chain, counts, _ = by_gateway(image)
        start, words = next(
            block for block in image.blocks if block[0] <= chain.base < block[0] + len(block[1])
        )
        hexed = struct.pack(f">{len(words)}H", *words).hex()
        listed = json.dumps(list(counts.items())).replace(" ", "")
        asked += f"{start} {listed} {hexed}\n"
    said = run(DECODER, runtime=runtime, stdin=asked, heap="256wk")
    told = []
    for part in said.split("-\n")[:-1]:
        models, *rest = [json.loads(line) for line in part.splitlines()]
        told.append((models, rest))
    return told


def compare(images: list[Image], runtime: str) -> int:
    told = by_device(images, runtime)
    assert len(told) == len(images)
    for image, (models, columns) in zip(images, told, strict=True):
        chain, _, expected = by_gateway(image)
        assert models == [list(model) for model in chain.models]
        assert columns == expected
    return sum(len(columns) for _, columns in told)


WORDS = (0x8000, 0xFFFF, 0, 1, 0x7FFF, 0x4996, 0x3F00, 0xFFFE, 0x7F80)
"""What means not implemented, what does not, halves, and the floats that are no numbers."""


def odd_images(number: int, length: int) -> list[Image]:
    """Return images of one model whose registers are all made of such words, turn by turn."""
    images = []
    for turn in range(27):
        body = [WORDS[(i * (turn + 1) + turn + i // 3) % len(WORDS)] for i in range(length)]
        for place in (s.offset for s in MODELS[number].group.points if s.type == "sunssf"):
            # usable, absent, and out of range
            if place - 2 < length:
                body[place - 2] = (0, 0xFFFF, 0xFFFD, 2, 0x8000, 11, 10, 0xFFF6)[turn % 8]
        images.append(Image(1, ((40000, (0x5375, 0x6E53, number, length, *body, 0xFFFF, 0)),)))
    return images


@both_runtimes
def test_every_model_that_columns_come_from_is_decoded_alike(runtime):
    images = []
    for number in sorted(TOLD_MODELS):
        group = MODELS[number].group
        most = sum(inner.own_length for inner in group.groups) * 3
        for length in (group.own_length - 2 + most, group.own_length - 7):
            images += odd_images(number, length)
    assert compare(images, runtime) > 800


@both_runtimes
def test_houses_are_decoded_alike(runtime):
    images = []
    for models in (
        [(1, 0), (103, 0), (160, 2), (123, 0), (802, 0), (203, 0)],
        [(1, 0), (701, 0), (714, 4), (704, 0), (713, 0)],
        [(1, 0), (113, 0), (160, 6), (160, 3), (101, 0)],
    ):
        template = Template(models)
        values = {name: 7 for name in template.slots if not name.endswith(("ID", ".L"))}
        values = {n: v for n, v in values.items() if template.slots[n].point.type != "string"}
        values |= {n: 0xFFFF for n in values if template.slots[n].point.type == "sunssf"}
        values = {n: v for n, v in values.items() if n != "714.NPrt"}
        for_each = (template.words, template.filled(values))
        images += [Image(1, ((40000, tuple(words)),)) for words in for_each]
    assert compare(images, runtime) > 10


@both_runtimes
@pytest.mark.skipif(not IMAGES, reason="the images lie beside the repository")
def test_real_devices_are_decoded_alike(runtime):
    images = []
    for path in IMAGES:
        try:
            images.append(from_file(path))
        except ValueError:
            continue
    assert compare(images, runtime) > 5
