"""Profiles: stacks on AWS that a person works on, each with its address and where its token lies.

A profile is a table of the file `profiles.toml`. The token is one of the person who signed in, and
is read anew for each command.
"""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cloud.kernel.errors import BadInput

PLACE, TOKEN = "SUNREEVE_PROFILES", "SUNREEVE_TOKEN"
"""Environment variables: another file of profiles, and a token in the place of the file's."""

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Profile:
    """A stack that is reached over the network.

    Attributes:
        address: of the API; https, or http on this machine itself.
        token_file: where the token of who signed in lies; None when only the environment has it.
        authority_file: a certificate to trust besides those of the machine; None is none.
    """

    name: str
    address: str
    token_file: Path | None = None
    authority_file: Path | None = None

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.address)
            host, _ = parts.hostname or "", parts.port
            host = "" if parts.path.strip("/") or parts.query else host
        except ValueError:
            host = ""
        if not host or (
            parts.scheme != "https" and (parts.scheme, host in _LOOPBACK) != ("http", True)
        ):
            msg = (
                f"profile {self.name}: {self.address!r} is no address, as https://api.owner.example"
            )
            raise BadInput(msg)

    def token(self) -> str:
        """Give the token of who signed in.

        Raises:
            BadInput: there is none.
        """
        found = os.environ.get(TOKEN, "")
        if not found and self.token_file is not None:
            try:
                found = self.token_file.read_text(encoding="ascii")
            except (OSError, UnicodeDecodeError) as wrong:
                msg = (
                    f"reading the token of profile {self.name}: {wrong}; sign in, and put it there"
                )
                raise BadInput(msg) from wrong
        found = found.strip()
        if not found or not found.isprintable() or " " in found:
            msg = f"profile {self.name} has no token: sign in, and set {TOKEN} or its token_file"
            raise BadInput(msg)
        return found


def file_of_profiles() -> Path:
    """Give where the profiles of this person lie."""
    named = os.environ.get(PLACE, "")
    if named:
        return Path(named)
    settings = os.environ.get("XDG_CONFIG_HOME", "") or str(Path.home() / ".config")
    return Path(settings) / "sunreeve" / "profiles.toml"


def read_profile(name: str) -> Profile:
    """Give a profile by its name.

    Raises:
        BadInput: the file is not there or cannot be read, or has no such profile.
    """
    path = file_of_profiles()
    try:
        known = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as missing:
        msg = f"profile {name}: there is no file {path}; docs/operations.md shows what it holds"
        raise BadInput(msg) from missing
    except (OSError, ValueError) as wrong:
        msg = f"reading the profiles in {path}: {wrong}"
        raise BadInput(msg.splitlines()[0]) from wrong
    said = known.get(name)
    if not isinstance(said, dict):
        msg = f"{path} has no profile {name!r}, only {', '.join(sorted(known)) or 'none'}"
        raise BadInput(msg)
    unknown = sorted(set(said) - {"address", "token_file", "authority_file"})
    if unknown or not all(isinstance(value, str) for value in said.values()):
        msg = f"profile {name} of {path}: give address, token_file and authority_file as text"
        raise BadInput(f"{msg}, not {', '.join(unknown)}" if unknown else msg)
    return Profile(
        name=name,
        address=said.get("address", ""),
        token_file=_path(said.get("token_file")),
        authority_file=_path(said.get("authority_file")),
    )


def _path(text: str | None) -> Path | None:
    return Path(text).expanduser() if text else None
