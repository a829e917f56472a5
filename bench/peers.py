"""Where the peers live that cannot share our environment, and ports for them to listen on."""

import socket
from pathlib import Path

PEERS = Path(__file__).parent.parent / ".venv-peers" / "bin"
"""Made by `make bench-peers`; what is not there is left out, and the table says so."""


def free_port() -> int:
    """Give a port on loopback that nothing listens on now."""
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return int(tried.getsockname()[1])
