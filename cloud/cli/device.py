"""Commands for the devices that are gateways: who may come in, by which claim, and how they end."""

import argparse
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cloud.cli.asking import ask
from cloud.cli.saying import say
from cloud.kernel.errors import BadInput

_PERSON = "amy.aftermarket"
"""Who decides on this machine; on AWS it is whoever signed in."""


def devices(options: argparse.Namespace) -> int:
    """List the devices in one state."""
    items = _ask(options, "GET", f"/ops/devices?state={quote(options.state)}")["items"]
    if options.json:
        say(json.dumps(items, indent=1))
        return 0
    for one in items:
        working = [made for made in one["certificates"] if made["state"] != "retired"]
        say(f"{one['id']}  {one['gateway_id']}  site {one['site_id']}  {_certificates(working)}")
    if not items:
        say(f"no device is {options.state}")
    return 0


def show(options: argparse.Namespace) -> int:
    """Show a device with its certificates and all that happened to it."""
    path = f"/ops/devices/{quote(options.serial, safe='')}"
    device, log = _ask(options, "GET", path)["item"], _ask(options, "GET", f"{path}/log")["items"]
    if options.json:
        say(json.dumps(device | {"log": log}, indent=1))
        return 0
    say(f"{device['id']} is {device['state']} as {device['gateway_id']} of {device['site_id']}")
    say(f"let in by {device['admitted_by']} at {device['admitted_at']}: {device['because']}")
    for made in device["certificates"]:
        say(f"certificate {made['id'][:12]} of {made['issued_at']}: {made['state']}")
    for event in log:
        say(f"{event['at']}  {event['what']}  {event['says']}")
    return 0


def admit(options: argparse.Namespace) -> int:
    """Let serial numbers in for a site and print each one's token, which is shown once.

    The first that is refused ends it: what was let in before stands, with its token printed.
    """
    for serial in options.serials:
        body = {"serial": serial, "site_id": options.site, "reason": options.because}
        _say_token(options, _ask(options, "POST", "/ops/devices", body)["item"])
    return 0


def replace(options: argparse.Namespace) -> int:
    """Put a serial number in the place of another, and print its token, which is shown once."""
    path = f"/ops/devices/{quote(options.old, safe='')}/replace"
    body = {"serial": options.new, "reason": options.because}
    _say_token(options, _ask(options, "POST", path, body)["item"])
    return 0


def decommission(options: argparse.Namespace) -> int:
    """End the device that is a gateway."""
    path = f"/ops/gateways/{quote(options.gateway, safe='')}/decommission"
    device = _ask(options, "POST", path, {"reason": options.because})["item"]
    if options.json:
        say(json.dumps(device))
    else:
        say(f"{device['id']} was {device['gateway_id']}: it connects no more, its readings stay")
    return 0


def renew(options: argparse.Namespace) -> int:
    """Ask gateways to renew their certificates."""
    for gateway in options.gateways:
        asked = _ask(options, "POST", f"/ops/gateways/{quote(gateway, safe='')}/renew")["item"]
        say(json.dumps(asked) if options.json else f"{gateway} was asked: {asked['command']}")
    return 0


def claim(options: argparse.Namespace) -> int:
    """Make a claim certificate: its key here, its signature there.

    The key is written first, and is of no use where the rest fails.
    """
    if options.cert.exists() or options.key.exists():
        msg = f"making a claim: {options.cert} or {options.key} is there already; name others"
        raise BadInput(msg)
    key, request = _key_and_request()
    _write_secret(options.key, key)
    body = {"request": request, "retire_others": options.retire_others}
    try:
        made = _ask(options, "POST", "/ops/device_claims", body)["item"]
    except BaseException:
        with suppress(OSError):
            options.key.unlink()
        raise
    options.cert.write_text(made.pop("certificate"), encoding="utf-8")
    if options.json:
        say(json.dumps(made))
    else:
        say(f"claim {made['id'][:12]} brings devices in until {made['ends_at']}")
        say(f"{options.cert} and {options.key}: both go onto the device, and off it again")
    return 0


def clones(options: argparse.Namespace) -> int:
    """List the gateways that may be two machines by one certificate."""
    items = _ask(options, "GET", "/ops/clone_suspicions")["items"]
    if options.json:
        say(json.dumps(items, indent=1))
        return 0
    for one in items:
        say(f"{one['id']} since {one['suspected_at']} ({one['rule']}): {one['says']}")
    if not items:
        say("no gateway is under suspicion")
    return 0


def dismiss(options: argparse.Namespace) -> int:
    """Say that a suspicion was looked at."""
    path = f"/ops/clone_suspicions/{quote(options.gateway, safe='')}/settle"
    settled = _ask(options, "POST", path, {"reason": options.because})["item"]
    say(json.dumps(settled) if options.json else f"{settled['id']}: {settled['because']}")
    return 0


def _say_token(options: argparse.Namespace, device: dict[str, Any]) -> None:
    if options.json:
        say(json.dumps(device))
        return
    until = device["token_ends_at"]
    say(f"{device['id']} may come in once as {device['gateway_id']}, until {until}")
    say(f"token  {device['token']}")


def _certificates(working: list[dict[str, Any]]) -> str:
    if not working:
        return "no certificate"
    return f"certificate of {working[-1]['issued_at'][:10]}, {working[-1]['state']}"


def _key_and_request() -> tuple[bytes, str]:
    """Make a key, and the request for a certificate that goes with it."""
    # Only this command needs it, and it takes long to import.
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "claim")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    kept = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return kept, request.public_bytes(serialization.Encoding.PEM).decode()


def _write_secret(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, and never over another."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)


def _ask(options: argparse.Namespace, method: str, path: str, body: Any = None) -> dict[str, Any]:
    return ask(options, _PERSON, method, path, body)
