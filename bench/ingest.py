"""Chunks that the ingest function keeps in a second, beside bare decoding of the same batch."""

import base64
import json
import logging
import sys
import tempfile
import time
import zlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from cloud.local.runtime import Runtime
from edge_agent.reading import Window, seal
from edge_agent.simulator.curve import Curve
from edge_agent.simulator.house import House, HouseSpec
from edge_agent.simulator.quiet import readings

TEMPLATE = Path(__file__).parent.parent / "template.yaml"
MIDNIGHT = 1_780_297_200
SIZES = (200, 1000)
BATCH = 100


@dataclass(frozen=True)
class Ingested:
    """One fleet size.

    Attributes:
        per_second: chunks that the handler checked and kept.
        bare_per_second: the same payloads through zlib and json alone.
    """

    chunks: int
    per_second: float
    bare_per_second: float


def payloads(count: int) -> list[tuple[str, bytes]]:
    """Give so many chunks of an hour each, of many gateways."""
    house = House(HouseSpec("BENCH-1"), Curve("bench", MIDNIGHT))
    rows = list(readings(house, range(MIDNIGHT, MIDNIGHT + 3600, 60)))
    made = []
    for number in range(count):
        gateway = f"gw-{number % 97:03d}"
        t0 = MIDNIGHT + 3600 * (number // 97)
        moved = [replace(row, at=row.at - MIDNIGHT + t0) for row in rows]
        window = Window(gateway, "0", number + 1, t0, 60, 60, 1)
        made.append((gateway, seal(window, moved)))
    return made


def run() -> list[Ingested]:
    """Hand batches of a hundred to the handler, as its queue would."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        runtime = Runtime(Path(folder), TEMPLATE, starts_at=datetime(2026, 6, 1, tzinfo=UTC))
        for size in SIZES:
            made = payloads(size)
            start = time.perf_counter()
            for at in range(0, size, BATCH):
                event = {"Records": [_record(*one) for one in made[at : at + BATCH]]}
                answer = runtime.functions.invoke("IngestFunction", event)
                assert answer == {"batchItemFailures": []}, answer
            kept = time.perf_counter() - start
            start = time.perf_counter()
            for _, payload in made:
                json.loads(zlib.decompress(payload) if payload[:1] != b"{" else payload)
            bare = time.perf_counter() - start
            found.append(Ingested(size, size / kept, size / bare))
        runtime.close()
    return found


def _record(gateway: str, payload: bytes) -> dict[str, str]:
    body = {
        "kind": "chunk",
        "gateway_id": gateway,
        "payload": base64.b64encode(payload).decode(),
        "received_ms": 1000 * MIDNIGHT,
    }
    return {"messageId": "m", "body": json.dumps(body)}


def main() -> int:
    """Print the rates beside those of bare decoding."""
    logging.disable(logging.WARNING)
    for one in run():
        print(
            f"ingest, {one.chunks:5} chunks {one.per_second:9,.0f}/s   bare zlib + json "
            f"{one.bare_per_second:9,.0f}/s   {one.per_second / one.bare_per_second:.2f}x"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
