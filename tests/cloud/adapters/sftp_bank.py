"""SFTP servers on loopback for the bank's: one that breaks when told to, and OpenSSH's."""

import errno
import os
import shutil
import socket
import subprocess
import time
from contextlib import closing, contextmanager, suppress
from getpass import getuser
from io import StringIO
from pathlib import Path
from threading import Event, Thread

import paramiko
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from cloud.adapters.bank_sftp import SftpServer
from cloud.kernel.secret import Secret

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
KINDS = {
    "ed25519": (ed25519.Ed25519PrivateKey.generate, paramiko.Ed25519Key),
    "ecdsa": (lambda: ec.generate_private_key(ec.SECP256R1()), paramiko.ECDSAKey),
    "rsa": (lambda: rsa.generate_private_key(65537, 2048), paramiko.RSAKey),
}


class Key:
    """A pair of keys: the private one as OpenSSH writes it, the public one as a line."""

    def __init__(self, kind="ed25519", style=form.PrivateFormat.OpenSSH):
        made, reader = KINDS[kind]
        text = made().private_bytes(form.Encoding.PEM, style, form.NoEncryption())
        self.private = text.decode()
        self.known = reader.from_private_key(StringIO(self.private))
        self.public = f"{self.known.get_name()} {self.known.get_base64()}"


class Faults:
    """What goes wrong at the server: the name of a moment, and what happens there."""

    def __init__(self):
        self.when = ""
        self.seen = []
        self.go_on = Event()

    def at(self, moment, line):
        """Tell whether the server fails here; it may hang or hang up first."""
        self.seen.append(moment)
        if f"cut {moment}" == self.when:
            line.shutdown(socket.SHUT_RDWR)
            return True
        if f"hang {moment}" == self.when:
            self.go_on.wait(20)
            return True
        return moment == self.when


class _Door(paramiko.ServerInterface):
    def __init__(self, bank, line):
        self.bank, self.line = bank, line

    def get_allowed_auths(self, username):
        return "publickey"

    def check_auth_publickey(self, username, key):
        if self.bank.faults.at("login", self.line):
            return paramiko.AUTH_FAILED
        is_ours = username == "sunreeve" and key == self.bank.client_key.known
        needs_more = self.bank.faults.when == "two factors"
        if is_ours and needs_more:
            return paramiko.AUTH_PARTIALLY_SUCCESSFUL
        return paramiko.AUTH_SUCCESSFUL if is_ours else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED

    def check_channel_subsystem_request(self, channel, name):
        if self.bank.faults.at("subsystem", self.line):
            return False
        return super().check_channel_subsystem_request(channel, name)


class _Handle(paramiko.SFTPHandle):
    def __init__(self, door, flags, file):
        super().__init__(flags)
        self.door, self.readfile, self.writefile, self.written = door, file, file, 0

    def write(self, offset, data):
        self.written += 1
        if self.written > 1 and self.door.bank.faults.at("write", self.door.line):
            return paramiko.SFTP_FAILURE
        if self.door.bank.faults.when == "loses a part":
            data = data[: len(data) // 2]
        return super().write(offset, data)


class _Files(paramiko.SFTPServerInterface):
    """A folder, as version 3 of the protocol has it: what is renamed overwrites nothing."""

    def __init__(self, door, *args, **options):
        super().__init__(door, *args, **options)
        self.door, self.bank = door, door.bank

    def _at(self, path):
        return self.bank.root / path.lstrip("/")

    def _tried(self, act, *args):
        try:
            act(*args)
        except OSError as wrong:
            if wrong.errno == errno.EEXIST:
                return paramiko.SFTP_FAILURE
            return paramiko.SFTPServer.convert_errno(wrong.errno)
        return paramiko.SFTP_OK

    def open(self, path, flags, attr):
        if self.bank.faults.at("open", self.door.line):
            return paramiko.SFTP_PERMISSION_DENIED
        try:
            number = os.open(self._at(path), flags, 0o600)
        except OSError as wrong:
            return paramiko.SFTPServer.convert_errno(wrong.errno)
        mode = {os.O_RDONLY: "rb", os.O_WRONLY: "wb"}.get(flags & os.O_ACCMODE, "r+b")
        return _Handle(self.door, flags, os.fdopen(number, mode))

    def stat(self, path):
        try:
            return paramiko.SFTPAttributes.from_stat(self._at(path).stat())
        except OSError as wrong:
            return paramiko.SFTPServer.convert_errno(wrong.errno)

    def remove(self, path):
        return self._tried(self._at(path).unlink)

    def rename(self, oldpath, newpath):
        if self.bank.faults.at("before rename", self.door.line):
            return paramiko.SFTP_FAILURE
        done = self._tried(os.link, self._at(oldpath), self._at(newpath))
        if done == paramiko.SFTP_OK:
            self._at(oldpath).unlink()
        if self.bank.faults.at("after rename", self.door.line):
            return paramiko.SFTP_FAILURE
        return done


class BankServer:
    """The bank's server in threads of its own, on the folder `root`."""

    def __init__(self, root, *, client="ed25519", host="ed25519"):
        self.root, self.faults = root, Faults()
        self.client_key, self.host_key = Key(client), Key(host)
        (root / "in").mkdir(parents=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open = []
        self._thread = Thread(target=self._accept)
        self._thread.start()
        self.address = SftpServer(
            host="127.0.0.1",
            port=self._listener.getsockname()[1],
            user="sunreeve",
            folder="/in/",
            private_key=Secret(self.client_key.private),
            host_keys=(self.host_key.public,),
        )

    def _accept(self):
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(line)
            self._open.append((line, transport))
            transport.add_server_key(self.host_key.known)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Files)
            with suppress(paramiko.SSHException, EOFError):
                transport.start_server(server=_Door(self, line), event=Event())

    def files(self):
        return {
            str(path.relative_to(self.root / "in")): path.read_bytes()
            for path in sorted((self.root / "in").iterdir())
        }

    def close(self):
        self.faults.go_on.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for line, transport in self._open:
            transport.close()
            transport.join(10)
            line.close()


@contextmanager
def openssh(folder: Path):
    """Give the address of OpenSSH's own server, and the folder that it takes files in."""
    client, host = Key(), Key()
    (folder / "in").mkdir(parents=True)
    (folder / "host_key").touch(mode=0o600)
    (folder / "host_key").write_text(host.private)
    (folder / "authorized").write_text(client.public + "\n")
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    settings = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": folder / "host_key",
        "AuthorizedKeysFile": folder / "authorized",
        "PidFile": "none",
        "StrictModes": "no",
        "UsePAM": "no",
        "Subsystem": "sftp internal-sftp",
    }
    (folder / "settings").write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    with subprocess.Popen(  # noqa: S603 - our own arguments
        [SSHD, "-D", "-e", "-f", folder / "settings"], stderr=subprocess.PIPE
    ) as process:
        try:
            _wait_for(port, process)
            yield SftpServer(
                host="127.0.0.1",
                port=port,
                user=getuser(),
                folder=str(folder / "in"),
                private_key=Secret(client.private),
                host_keys=(host.public,),
            )
        finally:
            process.terminate()
            process.wait()


def _wait_for(port, process):
    for _ in range(100):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(process.stderr.read().decode() if process.poll() is not None else "silent")
