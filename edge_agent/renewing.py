"""When the gateway's certificate is renewed: before it ends, and when the cloud asks for it.

The renewing itself is in `edge_agent.operation.provisioning`, and runs in a thread of its own: it
waits for the broker. The uplink is closed meanwhile, as a broker has one connection of a name; what
is read goes on waiting in the outbox.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from threading import Thread

from edge_agent.backoff import Backoff
from edge_agent.operation.certificate import certificate_days
from edge_agent.settings import Settings

RENEW_DAYS = 30
"""A certificate is renewed when it is good for fewer days than this."""
LOOK_EVERY_S = 3600.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 600.0, 86_400.0
"""Between two tries. A try cuts the gateway off for a few seconds, and the cloud lets in five a day
that succeed."""

log = logging.getLogger(__name__)

Act = Callable[[Settings], None]


def _renew(settings: Settings) -> None:
    from edge_agent.operation.provisioning import renew  # noqa: PLC0415 - once in years

    renew(settings)


class Renewal:
    """One gateway's renewals. Its methods belong to one thread, and never wait."""

    def __init__(self, settings: Settings, *, draw: Callable[[], float], act: Act = _renew) -> None:
        """Go on with a request that lies beside the outbox.

        Args:
            settings: as the owner's file has them: certificates cannot be changed from afar.
            draw: gives numbers from 0 to 1, of which pauses are made.
            act: renews the certificate, or raises.
        """
        self._settings, self._act = settings, act
        self._note = settings.outbox.with_name(f"{settings.outbox.name}.renew")
        self._backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S, draw)
        self._looked_at = float("-inf")
        self._is_near_end = False
        self._thread: Thread | None = None
        self._worked: bool | None = None
        self._asked, self._done = self._read()

    def ask(self, command_id: str) -> bool:
        """Note that the cloud asks for a renewal, on disk on return; tell whether it can be done.

        The request that was done last is not done again.
        """
        if not self._settings.broker.has_tls or not self._settings.serial:
            log.warning("command %s: no certificate to renew, or no serial set", command_id)
            return False
        if command_id not in {self._asked, self._done}:
            self._asked = command_id
            return self._write()
        return True

    def is_due(self, now: float, mono: float) -> bool:
        """Tell whether it is time: it was asked for, or the certificate ends soon."""
        if not self._settings.broker.has_tls or not self._settings.serial:
            return False
        if mono - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = mono
            days = certificate_days(self._settings.broker.cert, now)
            self._is_near_end = days is not None and days < RENEW_DAYS
        return bool(self._asked or self._is_near_end) and self._backoff.may_try(mono)

    def begin(self, mono: float, *, wake: Callable[[], None]) -> None:
        """Begin to renew; `wake` is called from the other thread when it is over."""
        self._worked = None
        # Counted as a failure until it worked: it may kill the agent, and shall not do so for ever.
        self._backoff.failed(mono)

        def work() -> None:
            try:
                self._act(self._settings)
                self._worked = True
            except Exception as error:  # noqa: BLE001 - told to the log, and tried again later
                log.warning("renewing the certificate: %s", error)
                self._worked = False
            finally:
                wake()

        self._thread = Thread(target=work, name="renewal", daemon=True)
        self._thread.start()

    def is_busy(self) -> bool:
        """Tell whether a renewal is under way; what it came to is taken in when it is over."""
        if self._thread is None:
            return False
        if self._thread.is_alive():
            return True
        self._thread = None
        if self._worked:
            log.warning("the certificate was renewed")
            self._backoff.succeeded()
            self._looked_at = float("-inf")
            self._is_near_end = False
            if self._asked:
                self._asked, self._done = "", self._asked
                self._write()
        return False

    def _read(self) -> tuple[str, str]:
        try:
            asked, done = self._note.read_text(encoding="ascii").split("\n")[:2]
        except (OSError, ValueError):
            return "", ""
        return asked, done

    def _write(self) -> bool:
        fresh = Path(f"{self._note}.new")
        try:
            fresh.write_text(f"{self._asked}\n{self._done}\n", encoding="ascii")
            fresh.replace(self._note)
        except OSError as error:
            log.warning("keeping the request to renew in %s: %s", self._note, error.strerror)
            return False
        return True
