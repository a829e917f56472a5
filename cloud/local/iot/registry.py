"""Things, certificates and what is attached to what, as AWS IoT Core's registry keeps them.

It also says who a connection is: the certificate that TLS has shown counts, never the name in it.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

from cloud.kernel.errors import BadInput, NotFound
from cloud.local.mqtt.policy import Connected, Policy
from cloud.local.sqlite import transaction

ACTIVE, INACTIVE = "ACTIVE", "INACTIVE"
MOST_DECIDED = 65_536
_SCHEMA = """
CREATE TABLE IF NOT EXISTS certificate (
    id TEXT PRIMARY KEY, pem TEXT NOT NULL, status TEXT NOT NULL, ownership_token TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS thing (
    name TEXT PRIMARY KEY, attributes TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS principal (
    thing TEXT, certificate_id TEXT, PRIMARY KEY (thing, certificate_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS attached_policy (
    certificate_id TEXT, policy TEXT, PRIMARY KEY (certificate_id, policy)
) WITHOUT ROWID;
"""


class Registry:
    """One file of things and certificates; every call is committed when it returns.

    Certificates that this machine's authority made for simulated homes are not entered by anybody:
    they are taken up, active and attached, the first time that they are shown.
    """

    def __init__(
        self,
        database: Path,
        *,
        policies: Mapping[str, Mapping[str, object]],
        gateway_policy: str,
        thing_of: Callable[[str], str | None],
    ) -> None:
        """Open the registry, or make it.

        Args:
            database: its SQLite file.
            policies: every IoT policy by its name.
            gateway_policy: the one that simulated homes get.
            thing_of: gives the thing that this machine's authority made a certificate for.

        Raises:
            BadInput: a policy holds something that is not understood here.
        """
        self._policies = {name: Policy(document) for name, document in policies.items()}
        if gateway_policy not in self._policies:
            msg = f"gateways get the policy {gateway_policy}, and there is none of that name"
            raise BadInput(msg)
        self._gateway_policy, self._thing_of = gateway_policy, thing_of
        self._lock = RLock()
        self._db = sqlite3.connect(database, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(_SCHEMA)
        self._decided: dict[tuple[str, str, str, str], bool] = {}
        self._seen: dict[str, str] = {}
        """Client id -> the certificate that it was let in with last."""
        self.on_inactive: Callable[[str], None] = lambda _: None
        """Called with a certificate that was made inactive: its connections end."""

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    # ------------------------------------------------------------------ who a connection is
    def admits(self, certificate_id: str, client_id: str) -> bool:
        """Tell whether a certificate may connect under a client id, and remember that it did."""
        with self._lock:
            self._take_up(certificate_id)
            if not self._may(certificate_id, client_id, "iot:Connect", f"client/{client_id}"):
                return False
            self._seen[client_id] = certificate_id
            return True

    def allows(self, client_id: str, action: str, resource: str) -> bool:
        """Tell whether a client may do something; an `Authorise` of the listener.

        One that is away is asked for, too: whether it gets a message is decided when that comes.
        """
        with self._lock:
            certificate_id = self._seen.get(client_id)
            if certificate_id is not None:
                return self._may(certificate_id, client_id, action, resource)
            return any(
                self._may(one, client_id, action, resource) for one in self.principals(client_id)
            )

    @contextmanager
    def _write(self) -> Iterator[None]:
        """Hold the file for writing; what was decided before counts no more."""
        with self._lock, transaction(self._db):
            self._decided.clear()
            yield

    def _may(self, certificate_id: str, client_id: str, action: str, resource: str) -> bool:
        asked = (certificate_id, client_id, action, resource)
        if asked not in self._decided:
            if len(self._decided) >= MOST_DECIDED:
                self._decided.clear()
            self._decided[asked] = self._decide(*asked)
        return self._decided[asked]

    def _decide(self, certificate_id: str, client_id: str, action: str, resource: str) -> bool:
        if self.status(certificate_id) != ACTIVE:
            return False
        is_thing = self._db.execute(
            "SELECT 1 FROM principal WHERE thing = ? AND certificate_id = ?",
            (client_id, certificate_id),
        ).fetchone()
        connected = Connected(client_id, client_id if is_thing else None)
        rows = self._db.execute(
            "SELECT policy FROM attached_policy WHERE certificate_id = ?", (certificate_id,)
        )
        return any(self._policies[name].allows(connected, action, resource) for (name,) in rows)

    def _take_up(self, certificate_id: str) -> None:
        if self.status(certificate_id) is not None:
            return
        thing = self._thing_of(certificate_id)
        if thing is not None:
            self.add_certificate(certificate_id, "", status=ACTIVE)
            self.keep_thing(thing, {})
            self.attach_thing(thing, certificate_id)
            self.attach_policy(self._gateway_policy, certificate_id)

    # ------------------------------------------------------------------ certificates
    def add_certificate(
        self, certificate_id: str, pem: str, *, status: str, ownership_token: str | None = None
    ) -> None:
        """Enter a certificate; one that is there stays as it is."""
        with self._write():
            self._db.execute(
                "INSERT OR IGNORE INTO certificate VALUES (?, ?, ?, ?)",
                (certificate_id, pem, status, ownership_token),
            )

    def owned(self, ownership_token: str) -> tuple[str, str] | None:
        """Give id and text of the certificate that a token stands for, None for no such token."""
        with self._lock:
            row: tuple[str, str] | None = self._db.execute(
                "SELECT id, pem FROM certificate WHERE ownership_token = ?", (ownership_token,)
            ).fetchone()
        return row

    def status(self, certificate_id: str) -> str | None:
        """Give a certificate's status, None where there is no such certificate."""
        with self._lock:
            row = self._db.execute(
                "SELECT status FROM certificate WHERE id = ?", (certificate_id,)
            ).fetchone()
        return row[0] if row else None

    def set_status(self, certificate_id: str, status: str) -> None:
        """Make a certificate active or inactive; what is connected with an inactive one is cut.

        Raises:
            NotFound: there is no such certificate.
        """
        self._take_up(certificate_id)
        with self._write():
            changed = self._db.execute(
                "UPDATE certificate SET status = ? WHERE id = ?", (status, certificate_id)
            )
            if not changed.rowcount:
                msg = f"certificate {certificate_id} is not in the registry"
                raise NotFound(msg)
        if status != ACTIVE:
            self.on_inactive(certificate_id)

    def inactive(self) -> list[str]:
        """Give the texts (PEM) of all certificates that do not work, for a revocation list."""
        with self._lock:
            rows = self._db.execute(
                "SELECT pem FROM certificate WHERE status != ? AND pem != '' ORDER BY id", (ACTIVE,)
            ).fetchall()
        return [pem for (pem,) in rows]

    def attach_policy(self, policy: str, certificate_id: str) -> None:
        """Attach a policy to a certificate.

        Raises:
            NotFound: there is no such policy or certificate.
        """
        if policy not in self._policies or self.status(certificate_id) is None:
            msg = f"policy {policy} or certificate {certificate_id} is not in the registry"
            raise NotFound(msg)
        self._insert("attached_policy", certificate_id, policy)

    # ------------------------------------------------------------------ things
    def keep_thing(self, name: str, attributes: Mapping[str, str], *, merge: bool = False) -> None:
        """Make a thing, or give it attributes: beside those it has, or in their place."""
        with self._write():
            known = self.thing(name) if merge else None
            kept = {**(known or {}), **attributes}
            self._db.execute("INSERT OR REPLACE INTO thing VALUES (?, ?)", (name, json.dumps(kept)))

    def thing(self, name: str) -> dict[str, str] | None:
        """Give a thing's attributes, None where there is no such thing."""
        with self._lock:
            row = self._db.execute(
                "SELECT attributes FROM thing WHERE name = ?", (name,)
            ).fetchone()
        return json.loads(row[0]) if row else None

    def attach_thing(self, name: str, certificate_id: str) -> None:
        """Attach a certificate to a thing."""
        self._insert("principal", name, certificate_id)

    def principals(self, name: str) -> list[str]:
        """Give the certificates of a thing."""
        with self._lock:
            rows = self._db.execute(
                "SELECT certificate_id FROM principal WHERE thing = ? ORDER BY 1", (name,)
            ).fetchall()
        return [one for (one,) in rows]

    def _insert(self, table: str, first: str, second: str) -> None:
        with self._write():
            self._db.execute(f"INSERT OR IGNORE INTO {table} VALUES (?, ?)", (first, second))
