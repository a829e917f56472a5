"""The local authority: certificates that stay, that only their owner reads, and that TLS takes."""

import hashlib
import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from cloud.kernel.errors import BadInput
from cloud.local.authority import Authority


class StoppedClock:
    def now(self) -> datetime:
        return datetime(2031, 1, 1, tzinfo=UTC)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca", clock=StoppedClock())


def test_files_are_private_and_stay(authority: Authority, tmp_path: Path) -> None:
    first = authority.device_certificate("home-1"), authority.server_certificate()
    folder = tmp_path / "ca"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    again = Authority(folder, clock=StoppedClock())
    assert (again.device_certificate("home-1"), again.server_certificate()) == first
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    for path in folder.iterdir():
        if path.suffix in (".pem", ".key"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_certificates_cover_any_clock(authority: Authority) -> None:
    paths = [authority.ca_path, authority.server_certificate()[0]]
    paths.append(authority.device_certificate("home-1").cert_path)
    for path in paths:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        assert certificate.not_valid_before_utc == datetime(2020, 1, 1, tzinfo=UTC)
        assert certificate.not_valid_after_utc == datetime(2050, 1, 1, tzinfo=UTC)


def test_each_issue_is_noted_once(authority: Authority, tmp_path: Path) -> None:
    for thing in ("home-1", "home-2", "home-1"):
        authority.device_certificate(thing)
    lines = (tmp_path / "ca" / "issued.jsonl").read_text().splitlines()
    assert [json.loads(line)["thing"] for line in lines] == ["home-1", "home-2"]
    certificate = x509.load_pem_x509_certificate(
        authority.device_certificate("home-1").cert_path.read_bytes()
    )
    assert certificate.subject.rfc4514_string() == "CN=home-1"
    encoded = certificate.public_bytes(serialization.Encoding.DER)
    assert json.loads(lines[0])["certificate_id"] == hashlib.sha256(encoded).hexdigest()


@pytest.mark.parametrize("thing", ["", "a/b", "../x", "a b", "é", "x" * 65])
def test_names_that_are_no_things(authority: Authority, thing: str) -> None:
    with pytest.raises(BadInput, match="thing name"):
        authority.device_certificate(thing)


def test_half_an_authority_is_refused(authority: Authority, tmp_path: Path) -> None:
    authority.ca_path.unlink()
    with pytest.raises(BadInput, match="remove the folder"):
        Authority(tmp_path / "ca", clock=StoppedClock())
