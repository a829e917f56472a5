"""The few numbers about the agent itself that travel with every chunk.

`contract/README.md` lists them. The normal case stays small: what tells of trouble is left out
while there is none.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

AGENT_VERSION = "0.1.0"
"""That of the distribution; a test holds them together. Asking the metadata would cost 20 ms."""

MB = 1_000_000
LITTLE_DISK_MB = 500
MUCH_RSS_MB = 32
SOON_DAYS = 60
SLOW_MS = 500
OLD_S = 7200
"""A chunk waits for an hour at most while all is well: the window in which it was made."""
MOST_ENTRIES = 60
"""The cloud refuses a chunk whole that has more than 64 of them."""
MOST_LETTERS = 120


@dataclass(frozen=True, slots=True)
class DeviceHealth:
    """What is to be told of one device.

    Attributes:
        why: the reason for its silence, empty when it answers.
        moved_to: the address that it was followed to, empty when it is where the settings say.
        median_ms: median of a request, None when there was none.
    """

    why: str = ""
    moved_to: str = ""
    median_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about the agent at one instant.

    Attributes:
        up_s: seconds since its start.
        waiting_chunks: chunks that wait for their acknowledgement.
        silent_devices: devices that do not answer.
        last_ack_age_s: seconds since the broker last acknowledged anything, None when it never did
            since the start. It is the only sign of a live connection that can be believed.
        held_readings: readings that wait until the clock is set.
        clock_off_s: by how much the clock was last put right.
        lost_readings: readings dropped since the queue was made.
        thinned_readings: readings thinned out since the queue was made.
        lost_events: events dropped since the queue was made.
        ram_readings: readings that are in memory only.
        aside_at: when a queue that could not be read was set aside, unix seconds.
        oldest_waiting_s: age of the oldest chunk that waits.
        disk_free_mb: free on the disk of the queue.
        rss_mb: memory of the process.
        certificate_days: until the certificate ends.
        is_deaf: whether the broker refused to let commands through to the gateway.
        devices: in the order of the settings.
        counts: of commands (`again`, `gone`, `refused`).
        configuration: `cfg`, `cfg_try`, `cfg_no`, `cfg_why`, as `edge_agent.remote` tells them.
    """

    up_s: int
    waiting_chunks: int
    silent_devices: int
    last_ack_age_s: int | None
    held_readings: int = 0
    clock_off_s: int = 0
    lost_readings: int = 0
    thinned_readings: int = 0
    lost_events: int = 0
    ram_readings: int = 0
    aside_at: int | None = None
    oldest_waiting_s: int | None = None
    disk_free_mb: int | None = None
    rss_mb: int | None = None
    certificate_days: int | None = None
    is_deaf: bool = False
    devices: Sequence[DeviceHealth] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    configuration: Mapping[str, str] = field(default_factory=dict)


def summary(facts: Facts) -> Mapping[str, int | str | None]:
    """Return the health part of a chunk: what is always there, then what is worth telling.

    What would be too much for a chunk is left out from the end: the devices come last.
    """
    entries: dict[str, int | str | None] = {
        "ver": AGENT_VERSION,
        "up": facts.up_s,
        "queue": facts.waiting_chunks,
        "silent": facts.silent_devices,
        "ack_age": facts.last_ack_age_s,
    }
    worth: dict[str, int | str | None] = {
        "held": facts.held_readings,
        "clk_off": facts.clock_off_s,
        "lost": facts.lost_readings,
        "thin": facts.thinned_readings,
        "lost_ev": facts.lost_events,
        "ram": facts.ram_readings,
        "aside": facts.aside_at,
        "old_s": _above(facts.oldest_waiting_s, OLD_S),
        "disk_mb": _below(facts.disk_free_mb, LITTLE_DISK_MB),
        "rss_mb": _above(facts.rss_mb, MUCH_RSS_MB),
        "cert_d": _below(facts.certificate_days, SOON_DAYS),
        "deaf": int(facts.is_deaf),
        **facts.counts,
        **{name: _plain(text) for name, text in facts.configuration.items()},
    }
    for number, device in enumerate(facts.devices, 1):
        worth[f"why_{number}"] = _plain(device.why)
        worth[f"moved_{number}"] = _plain(device.moved_to)
        worth[f"slow_{number}"] = _above(device.median_ms, SLOW_MS)
    # A certificate that ends today has 0 days left, and a full disk 0 MB: these zeros are told.
    is_worth = {"disk_mb", "cert_d"}
    entries |= {
        name: value
        for name, value in worth.items()
        if value or (name in is_worth and value is not None)
    }
    return dict(list(entries.items())[:MOST_ENTRIES])


def rss_mb() -> int | None:
    """Return the memory of this process in MB; None where the kernel does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") // MB


def disk_free_mb(path: Path) -> int | None:
    """Return what is free, in MB, on the disk on which a file lies or will lie; None if unknown."""
    for folder in (path, *path.absolute().parents):
        try:
            return shutil.disk_usage(folder).free // MB
        except OSError:
            continue
    return None


def _above(value: int | None, limit: int) -> int | None:
    return value if value is not None and value > limit else None


def _below(value: int | None, limit: int) -> int | None:
    return value if value is not None and value < limit else None


def _plain(text: str) -> str:
    """Return a text that the cloud takes: printable ASCII, not long."""
    letters = (letter if " " <= letter <= "~" else "?" for letter in text)
    return "".join(letters)[:MOST_LETTERS]
