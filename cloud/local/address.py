"""Where a running stack answers, in a file beside its data, for whoever wants to reach it."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cloud.local.runtime import Runtime

FILE = "address.json"


@contextmanager
def announced(folder: Path, runtime: Runtime) -> Iterator[None]:
    """Keep the file while the block runs.

    After ``kill -9`` it lies there still: whoever reads it asks the port whether the stack lives.
    """
    path = folder / FILE
    path.write_text(
        json.dumps(
            {
                "pid": os.getpid(),
                "http": runtime.http_port,
                "mqtt": runtime.mqtt_port,
                "smtp": runtime.smtp_port,
            }
        )
    )
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
