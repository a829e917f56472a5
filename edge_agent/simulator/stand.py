"""Serves one register image until it is interrupted, for `sunreeve-edge sim`."""

import signal
import threading

from edge_agent.simulator.image import Image
from edge_agent.simulator.server import LOOPBACK, Misbehaviour, Server


def serve(image: Image, *, number: int, misbehaviour: Misbehaviour) -> int:
    """Serve the image on a port (0: any), print where and what, and wait for Ctrl-C or SIGTERM.

    It ends by either also where a shell started it in the background, with SIGINT ignored.

    Raises:
        OSError: the port is taken.
    """
    stopping = threading.Event()
    for ends in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ends, lambda *_: stopping.set())
    with Server(lambda: 0.0) as server:
        port = server.add(image, number)
        port.misbehaviour = misbehaviour
        words = sum(len(block) for _, block in image.blocks)
        print(f"{LOOPBACK}:{port.number} unit {image.unit}", flush=True)  # noqa: T201
        wrong = "" if misbehaviour is Misbehaviour.NONE else f", fault {misbehaviour.value}"
        print(f"serving {words} registers{wrong}; Ctrl-C ends it", flush=True)  # noqa: T201
        stopping.wait()
    return 0
