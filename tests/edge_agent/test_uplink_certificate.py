"""The days that are left of a certificate, against the library that made it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.mqtt import tls_context
from edge_agent.operation.certificate import certificate_days
from edge_agent.settings import BrokerSettings


@pytest.mark.parametrize("last_year", [2021, 2026, 2049, 2050, 2051, 2999])
def test_days_until_it_ends(papers, last_year):
    """From 2050 on the date is written in another way."""
    path, _ = papers.issue("gw-1", years=(2020, last_year))
    ends = datetime(last_year, 1, 1, tzinfo=UTC)
    made = x509.load_pem_x509_certificate(Path(path).read_bytes())
    assert made.not_valid_after_utc == ends
    for before, days in (
        (timedelta(days=60), 60),
        (timedelta(days=60, seconds=-1), 59),
        (timedelta(seconds=1), 0),
        (timedelta(0), 0),
        (timedelta(seconds=-1), -1),
    ):
        assert certificate_days(path, (ends - before).timestamp()) == days


def test_the_first_of_a_chain_counts_and_words_before_it_do_not(papers, tmp_path):
    mine, _ = papers.issue("gw-1", years=(2020, 2030))
    both = tmp_path / "chain.pem"
    both.write_bytes(b"subject=gw-1\n" + Path(mine).read_bytes() + Path(papers.ca).read_bytes())
    assert certificate_days(both, datetime(2029, 12, 31, tzinfo=UTC).timestamp()) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"-----BEGIN CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nMAMCAQA=\n-----END CERTIFICATE-----\n",
    ],
)
def test_what_is_no_certificate_has_no_days(tmp_path, content):
    path = tmp_path / "cert.pem"
    assert certificate_days(path, 0) is None
    path.write_bytes(content)
    assert certificate_days(path, 0) is None


@pytest.fixture(scope="module")
def der(tmp_path_factory, papers_class):
    path, _ = papers_class(tmp_path_factory.mktemp("x") / "papers").issue("gw-1")
    return path, Path(path).read_bytes()


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_a_damaged_file_gives_days_or_none(der, data):
    path, pem = der
    damaged = bytearray(pem)
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(pem) - 1))] = data.draw(
            st.sampled_from(b"AZz09+/=\n-")
        )
    target = Path(path).with_suffix(".damaged")
    target.write_bytes(damaged[: data.draw(st.integers(0, len(pem)))])
    assert isinstance(certificate_days(target, 0), int | None)


def test_an_encrypted_key_is_refused_and_no_pass_phrase_is_asked_for(papers, tmp_path):
    cert, key = papers.issue("gw-1")
    loaded = serialization.load_pem_private_key(Path(key).read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        loaded.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"open sesame"),
        )
    )
    assert tls_context(BrokerSettings("iot.example", ca=papers.ca, cert=cert, key=key))
    broker = BrokerSettings("iot.example", ca=papers.ca, cert=cert, key=str(locked))
    with pytest.raises(OSError, match=r"broker.key is encrypted; give one without a pass phrase"):
        tls_context(broker)
