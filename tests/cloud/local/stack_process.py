"""A whole stack in a process of its own, to be killed: it listens, and time goes on."""

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cloud.local.conductor import Conductor
from cloud.local.runtime import Runtime

TEMPLATE = Path(__file__).parents[3] / "template.yaml"


def main(folder: Path, cache: Path) -> None:
    start = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
    runtime = Runtime(folder, TEMPLATE, starts_at=start, cache=cache)
    runtime.start()
    sys.stdout.write(f"{runtime.mqtt_port}\n")
    sys.stdout.flush()
    conductor = Conductor(runtime)
    while True:
        conductor.advance_to(runtime.clock.now() + timedelta(seconds=20))
        time.sleep(0.01)


main(Path(sys.argv[1]), Path(sys.argv[2]))
