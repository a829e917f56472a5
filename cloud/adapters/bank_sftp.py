"""The bank's SFTP server: a file appears under its last name only once it is there whole.

After "SSH File Transfer Protocol", version 3 (draft-ietf-secsh-filexfer-02), 6.5: a file that is
renamed never takes the place of another.
"""

import json
import logging
import secrets
import socket
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from io import StringIO
from threading import Timer
from typing import Any

import paramiko
from botocore.exceptions import BotoCoreError, ClientError

from cloud.kernel.errors import Conflict, Unavailable
from cloud.kernel.secret import Secret

PATIENCE_S = 30.0
"""How long one answer is waited for."""
LONGEST_S = 300.0
"""How long a session lasts at most; a file of 10,000 payments is 1 MB."""

_BROKEN = (OSError, EOFError, paramiko.SSHException, paramiko.SFTPError)
_KEYS = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)
_SIGNED_WITH = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}
"""Type of a key -> what it signs with, where that has another name."""

# It tells where it connects to and as whom; what broke is in what is raised.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class SftpServer:
    """Where the bank's server is, who we are there, and how both sides are known.

    Attributes:
        host: its name or address.
        port: its TCP port.
        user: our account.
        folder: where it takes files from; the account may write, read and rename there.
        private_key: with which we log in, unencrypted, as OpenSSH or PEM writes it.
        host_keys: its public keys, as `ssh-ed25519 AAAA...`; no other server gets a byte.
    """

    host: str
    port: int
    user: str
    folder: str
    private_key: Secret
    host_keys: tuple[str, ...]


def server_in(client: Any, secret: str) -> SftpServer:
    """Read where the server is from AWS Secrets Manager.

    It holds JSON: host, user, folder, private_key, host_key (several on lines of their own while
    the bank changes its key), and port where it is not 22.

    Raises:
        Unavailable: it cannot be read, or does not hold that.
    """
    try:
        told = json.loads(client.get_secret_value(SecretId=secret)["SecretString"])
        host_keys = tuple(line.strip() for line in told["host_key"].splitlines() if line.strip())
        port = int(told.get("port", 22))
        if not 0 < port < 65_536:
            raise ValueError(port)  # noqa: TRY301 - what is told is told below
        return SftpServer(
            host=str(told["host"]),
            port=port,
            user=str(told["user"]),
            folder=str(told["folder"]),
            private_key=Secret(str(told["private_key"])),
            host_keys=host_keys,
        )
    except (BotoCoreError, ClientError) as failed:
        msg = f"reading where the bank's SFTP server is: secret {secret} cannot be read"
        raise Unavailable(msg) from failed
    except (KeyError, ValueError, TypeError, AttributeError):
        msg = (
            f"reading where the bank's SFTP server is: secret {secret} must be JSON with host, "
            "user, folder, private_key and host_key"
        )
        # What was wrong may be a part of what is secret.
        raise Unavailable(msg) from None


class SftpDrop:
    """`cloud.funding.ports.Bank` on a server of the bank's."""

    def __init__(
        self,
        server: Callable[[], SftpServer],
        *,
        patience_s: float = PATIENCE_S,
        longest_s: float = LONGEST_S,
    ) -> None:
        """Know the way; nobody is called yet.

        Args:
            server: gives where the server is, each time anew: keys change.
            patience_s: how long one answer is waited for.
            longest_s: how long a session lasts at most.
        """
        self._server = server
        self._patience_s, self._longest_s = patience_s, longest_s

    def deliver(self, name: str, content: bytes) -> None:
        """See `Bank.deliver`.

        The file is written under a name of its own, measured, and renamed. A server that has it
        already is left alone.
        """
        with self._session(f"handing {name} to the bank") as (files, folder):
            last = f"{folder}{name}"
            found = _content(files, last, at_most=len(content))
            if found == content:
                return
            if found is not None:
                msg = f"handing {name} to the bank: another file of that name lies there"
                raise Conflict(msg)
            part = f"{last}.{secrets.token_hex(4)}.part"
            try:
                _write(files, part, content)
                files.rename(part, last)
            except _BROKEN:
                with suppress(*_BROKEN):
                    files.remove(part)
                raise

    def holds(self, name: str, content: bytes) -> bool:
        """See `Bank.holds`."""
        with self._session(f"asking the bank for {name}") as (files, folder):
            return _content(files, f"{folder}{name}", at_most=len(content)) == content

    @contextmanager
    def _session(self, doing: str) -> Iterator[tuple[Any, str]]:
        """Log in and give the server's files and the folder's path.

        Raises:
            Unavailable: there was no session, or something went wrong in it.
        """
        server = self._server()
        with ExitStack() as stack:
            try:
                files = self._logged_in(server, stack)
            except (*_BROKEN, UnicodeError) as failed:  # of a host that can have no address
                why = f"no session with its SFTP server ({type(failed).__name__})"
                msg = f"{doing}: {why}; nothing was handed over"
                raise Unavailable(msg) from failed
            try:
                yield files, f"{server.folder.rstrip('/')}/" if server.folder else ""
            except _BROKEN as failed:
                msg = f"{doing}: its SFTP server did not do all of it ({type(failed).__name__})"
                raise Unavailable(msg) from failed

    def _logged_in(self, server: SftpServer, stack: ExitStack) -> Any:
        key = _private_key(server.private_key)
        known = _host_keys(server.host_keys)
        line = socket.create_connection((server.host, server.port), timeout=self._patience_s)
        stack.enter_context(closing(line))
        transport = stack.enter_context(closing(paramiko.Transport(line)))
        # Some waits of the library know no end, so that a session has one of its own.
        end = Timer(self._longest_s, transport.close)
        end.daemon = True
        end.start()
        stack.callback(end.join)
        stack.callback(end.cancel)
        transport.banner_timeout = transport.auth_timeout = self._patience_s
        transport.channel_timeout = self._patience_s
        _accept_only(transport, known.values())
        transport.start_client(timeout=self._patience_s)
        shown = transport.get_remote_server_key()
        if (shown.get_name(), shown.asbytes()) not in known:
            msg = "it is not the bank's server: its key is another one"
            raise paramiko.SSHException(msg)
        if transport.auth_publickey(server.user, key):
            msg = "the server asks for more than a key"
            raise paramiko.SSHException(msg)
        files = paramiko.SFTPClient.from_transport(transport)
        files.get_channel().settimeout(self._patience_s)
        return files


def _write(files: Any, path: str, content: bytes) -> None:
    with files.open(path, "wx") as part:
        part.write(content)
    size = files.stat(path).st_size
    if size != len(content):
        msg = f"{size} bytes of {len(content)} arrived"
        raise OSError(msg)


def _content(files: Any, path: str, *, at_most: int) -> bytes | None:
    """Give what lies under a path, at most a byte more than asked for; None where nothing does."""
    try:
        with files.open(path, "r") as found:
            content: bytes = found.read(at_most + 1)
    except FileNotFoundError:
        return None
    return content


def _accept_only(transport: Any, signed_with: Iterable[tuple[str, ...]]) -> None:
    """Have the server show a key of a kind that we know it by."""
    try:
        transport.get_security_options().key_types = tuple(
            dict.fromkeys(one for kinds in signed_with for one in kinds)
        )
    except ValueError as unknown:
        msg = "a host key is of a kind that is not known here"
        raise paramiko.SSHException(msg) from unknown


def _private_key(kept: Secret) -> Any:
    for kind in _KEYS:
        with suppress(paramiko.SSHException, ValueError, IndexError):
            return kind.from_private_key(StringIO(kept.value))
    msg = "the private key cannot be read"
    raise paramiko.SSHException(msg)


def _host_keys(lines: tuple[str, ...]) -> dict[tuple[str, bytes], tuple[str, ...]]:
    """Give each key of the server's, and what it signs with."""
    try:
        words = [line.split()[:2] for line in lines]
        keys = {(kind, b64decode(key, validate=True)): (kind,) for kind, key in words}
    except ValueError:
        keys = {}
    if not keys:
        msg = "a host key cannot be read"
        raise paramiko.SSHException(msg)
    return {key: _SIGNED_WITH.get(key[0], signed) for key, signed in keys.items()}
