"""Serves one register image until it is interrupted, for `sunreeve-edge sim`."""

import threading

from edge_agent.simulator.image import Image
from edge_agent.simulator.server import LOOPBACK, Misbehaviour, Server


def serve(image: Image, *, number: int, misbehaviour: Misbehaviour) -> int:
    """Serve the image on a port (0: any), print where and what, and wait for Ctrl-C.

    Raises:
        OSError: the port is taken.
    """
    with Server(lambda: 0.0) as server:
        port = server.add(image, number)
        port.misbehaviour = misbehaviour
        words = sum(len(block) for _, block in image.blocks)
        print(f"{LOOPBACK}:{port.number} unit {image.unit}", flush=True)  # noqa: T201
        wrong = "" if misbehaviour is Misbehaviour.NONE else f", fault {misbehaviour.value}"
        print(f"serving {words} registers{wrong}; Ctrl-C ends it", flush=True)  # noqa: T201
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return 0
    return 0
