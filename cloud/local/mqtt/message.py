"""What the listener hands to the cloud side for every message that comes in."""

from dataclasses import dataclass
from datetime import datetime

MAX_PAYLOAD_BYTES = 128 * 1024
"""The payload limit of IoT Core ("AWS IoT Core message broker and protocol limits and quotas")."""


@dataclass(frozen=True, slots=True)
class Publish:
    """One message of one device, and who it really was: thing and certificate come from TLS.

    A message that was sent again after a lost acknowledgement comes again: whoever takes it makes
    the second time harmless.
    """

    thing: str
    client_id: str
    topic: str
    payload: bytes
    qos: int
    at: datetime
    certificate_id: str
