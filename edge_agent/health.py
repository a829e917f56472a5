"""The few numbers about the agent itself that travel with every chunk."""

from collections.abc import Mapping

AGENT_VERSION = "0.1.0"


def summary(
    *, up_s: int, waiting_chunks: int, silent_devices: int, last_ack_age_s: int | None
) -> Mapping[str, int | str | None]:
    """Return the health part of a chunk.

    `last_ack_age_s` is the seconds since the broker last acknowledged anything, None when it never
    did since the agent started. It is the only sign of a live connection that can be believed.
    """
    return {
        "ver": AGENT_VERSION,
        "up": up_s,
        "queue": waiting_chunks,
        "silent": silent_devices,
        "ack_age": last_ack_age_s,
    }
