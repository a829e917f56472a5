"""The small services of the local runtime: the clock, the token issuer, the buckets."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from threading import Barrier, Thread

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from cloud.kernel.errors import BadInput
from cloud.local.buckets import Buckets
from cloud.local.clock import Pace, SimulatedClock
from cloud.local.dynamodb.hook import ServiceError
from cloud.local.issuer import LIFETIME, Issuer

START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


# ---------------------------------------------------------------------- clock
@pytest.fixture
def clock(tmp_path):
    made = SimulatedClock(tmp_path / "clock.sqlite", starts_at=START)
    yield made
    made.close()


def test_it_only_moves_forward(clock):
    clock.move_to(START + timedelta(days=1))
    clock.move_to(START + timedelta(days=1))
    for past in (START, START + timedelta(days=1) - MOMENT):
        with pytest.raises(BadInput, match="only moves on"):
            clock.move_to(past)
    assert clock.now() == START + timedelta(days=1)


def test_it_survives_being_opened_again(clock, tmp_path):
    denver = timezone(timedelta(hours=-6))
    clock.move_to((START + timedelta(days=160) + MOMENT).astimezone(denver))
    again = SimulatedClock(tmp_path / "clock.sqlite", starts_at=START)
    assert again.now() == START + timedelta(days=160) + MOMENT
    assert again.now().tzinfo is UTC
    again.close()


def test_a_clock_that_cannot_write_shows_no_step(tmp_path):
    made = SimulatedClock(tmp_path / "clock.sqlite", starts_at=START)
    made.close()
    with pytest.raises(Exception, match="closed"):
        made.move_to(START + timedelta(days=1))
    assert made.now() == START


def test_a_pace_goes_by_real_seconds_from_where_the_clock_stood(clock):
    seconds = iter([100.0, 100.0, 101.5])
    pace = Pace(clock, speed=600, real=lambda: next(seconds))
    assert pace.due() == START
    assert pace.due() == START + timedelta(minutes=15)


# ---------------------------------------------------------------------- issuer
@pytest.fixture
def issuer(tmp_path, clock):
    return Issuer(tmp_path, issuer="https://issuer", audience=("sunreeve",), clock=clock)


def test_a_good_token_gives_its_claims(issuer):
    claims = issuer.claims(issuer.token("client-1", scope="sunreeve/partner"))
    assert (claims["sub"], claims["scope"]) == ("client-1", "sunreeve/partner")


@pytest.mark.parametrize(
    ("later", "is_good"),
    [
        pytest.param(LIFETIME - timedelta(seconds=1), True, id="a second before it ends"),
        pytest.param(LIFETIME, False, id="when it ends"),
    ],
)
def test_a_token_ends_by_the_simulated_clock(issuer, clock, later, is_good):
    token = issuer.token("client-1")
    clock.move_to(START + later)
    if is_good:
        assert issuer.claims(token)["sub"] == "client-1"
        return
    with pytest.raises(BadInput, match="expired"):
        issuer.claims(token)


def forged(issuer, **changes):
    body = {
        "iss": "https://issuer",
        "aud": "sunreeve",
        "sub": "client-1",
        "exp": int((START + LIFETIME).timestamp()),
    } | changes
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return {
        "another key": jwt.encode(body, other, algorithm="RS256"),
        "no algorithm": jwt.encode(body, None, algorithm="none"),
        "the public key as a secret": jwt.encode(
            body, str(issuer.jwks()["keys"][0]["n"]), algorithm="HS256"
        ),
        "torn off": issuer.token("client-1")[:-20],
        "empty": "",
        "no token": "Basic dXNlcjpwYXNz",
        "signs of no alphabet": "é\n.\x00.ÿ",
    }


KINDS = (
    "another key", "no algorithm", "the public key as a secret", "torn off", "empty", "no token",
    "signs of no alphabet",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_forged_token_is_refused(issuer, kind):
    with pytest.raises(BadInput, match="ask for a new one"):
        issuer.claims(forged(issuer)[kind])


@pytest.mark.parametrize(
    ("issuer_name", "audience"),
    [("https://other", "sunreeve"), ("https://issuer", "moonreeve")],
    ids=["another issuer", "another audience"],
)
def test_a_token_for_somebody_else_is_refused(issuer, tmp_path, clock, issuer_name, audience):
    other = Issuer(tmp_path, issuer=issuer_name, audience=(audience,), clock=clock)
    with pytest.raises(BadInput):
        issuer.claims(other.token("client-1"))


def test_the_key_outlives_a_restart_and_nobody_else_may_read_it(issuer, tmp_path, clock):
    again = Issuer(tmp_path, issuer="https://issuer", audience=("sunreeve",), clock=clock)
    assert again.claims(issuer.token("client-1"))["sub"] == "client-1"
    (key,) = tmp_path.glob("*.pem")
    assert key.stat().st_mode & 0o077 == 0


# ---------------------------------------------------------------------- buckets
@pytest.fixture
def buckets(tmp_path):
    return Buckets(tmp_path / "buckets", ("docs", "other"))


def put(buckets, key, body=b"x", **more):
    return buckets.call("PutObject", {"Bucket": "docs", "Key": key, "Body": body, **more})


def get(buckets, key, bucket="docs"):
    return buckets.call("GetObject", {"Bucket": bucket, "Key": key})["Body"].read()


TRICKS = ("../other/a",
          "../../../tmp/a", "/etc/a", "a/../../b", "..", ".", "a//b", "%2E%2E/a", "a/",
          "%", "%25", "a:b*?", "ü/€", ".hidden", "x.part", "~/.ssh")  # fmt: skip


@pytest.mark.parametrize("key", TRICKS)
def test_no_key_leads_out_of_its_bucket(buckets, tmp_path, key):
    put(buckets, key)
    assert get(buckets, key) == b"x"
    (file,) = (one for one in tmp_path.rglob("*") if one.is_file())
    assert (tmp_path / "buckets" / "docs") in file.resolve().parents
    listed = buckets.call("ListObjectsV2", {"Bucket": "docs"})["Contents"]
    assert listed == [{"Key": key}]


def test_different_keys_are_different_objects(buckets):
    keys = ("%2E%2E/a", "../a", "%", "%25", "a:b*?", "ü/€", "u/€", ".hidden", "x.part")
    for key in keys:
        put(buckets, key, key.encode())
    assert [get(buckets, key).decode() for key in keys] == list(keys)


def test_a_list_gives_the_keys_of_a_prefix_in_order(buckets):
    for key in ("ach/b", "ach/a", "remittances/x", "ach-old"):
        put(buckets, key)
    listed = buckets.call("ListObjectsV2", {"Bucket": "docs", "Prefix": "ach/"})["Contents"]
    assert [one["Key"] for one in listed] == ["ach/a", "ach/b"]


@pytest.mark.parametrize(
    ("operation", "parameters", "code"),
    [
        ("GetObject", {"Bucket": "docs", "Key": "none"}, "NoSuchKey"),
        ("HeadObject", {"Bucket": "docs", "Key": "none"}, "NoSuchKey"),
        ("GetObject", {"Bucket": "none", "Key": "a"}, "NoSuchBucket"),
        ("PutObject", {"Bucket": "..", "Key": "a", "Body": b""}, "NoSuchBucket"),
        ("PutObject", {"Bucket": "docs", "Key": "k" * 1025, "Body": b""}, "KeyTooLongError"),
        ("DeleteObject", {"Bucket": "docs", "Key": "a"}, "NotImplemented"),
    ],
)
def test_what_cannot_be_done_has_the_code_of_s3(buckets, operation, parameters, code):
    with pytest.raises(ServiceError) as refused:
        buckets.call(operation, parameters)
    assert refused.value.code == code


@pytest.mark.parametrize("body", ["text", bytearray(b"text")], ids=["text", "a byte array"])
def test_a_body_may_be_whatever_boto3_takes(buckets, body):
    put(buckets, "a", body)
    assert get(buckets, "a") == b"text"


def test_of_many_who_write_a_new_key_at_once_one_wins_and_is_whole(buckets, tmp_path):
    won: list[bytes] = []
    together = Barrier(8)

    def write(content: bytes):
        together.wait()
        with suppress(ServiceError):
            put(buckets, "ach/run.ach", content, IfNoneMatch="*")
            won.append(content)

    writers = [Thread(target=write, args=(bytes([n]) * 100_000,)) for n in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(won) == 1
    assert get(buckets, "ach/run.ach") == won[0]
    assert [one.name for one in tmp_path.rglob("*") if one.is_file()] == ["run.ach"]
