"""Where webhooks may go, how they are signed, when they are tried again."""

import base64
import json
import time
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from cloud.kernel.errors import BadInput
from cloud.kernel.secret import Secret
from cloud.reporting.policy import RETRY_SECONDS
from cloud.reporting.webhooks import (
    TIMED_OUT,
    EndpointHealth,
    Off,
    Try,
    health_after,
    is_public,
    is_success,
    next_try_at,
    off_after,
    secret_of,
    signed,
    target_of,
)

MONDAY = datetime(2026, 6, 8, 12, 0, tzinfo=UTC)
TODAY = MONDAY.date()

# ---------------------------------------------------------------------- names
GOOD = [
    ("https://hooks.partner.example/sunreeve", "hooks.partner.example", "/sunreeve"),
    ("https://hooks.partner.example", "hooks.partner.example", "/"),
    ("https://hooks.partner.example:443/a/b", "hooks.partner.example", "/a/b"),
    ("https://hooks.partner.example?tenant=1", "hooks.partner.example", "/?tenant=1"),
    ("HTTPS://Hooks.Partner.Example/In", "hooks.partner.example", "/In"),
    ("https://xn--bcher-kva.example/%C3%BC", "xn--bcher-kva.example", "/%C3%BC"),
    ("https://a-1.b2.example/x?y=z&u=//q?", "a-1.b2.example", "/x?y=z&u=//q?"),
    ("https://10.partner.example/", "10.partner.example", "/"),
]


@pytest.mark.rule("WH-07")
@pytest.mark.parametrize(("url", "host", "path"), GOOD, ids=[one[0] for one in GOOD])
def test_a_public_name_over_https_is_taken(url, host, path):
    target = target_of(url)
    assert (target.host, target.port, target.path, target.is_plain) == (host, 443, path, False)


HOSTILE = {
    "plain http": "http://hooks.partner.example/",
    "another scheme": "ftp://hooks.partner.example/",
    "a file": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1:6379/_INFO",
    "data": "data:text/plain,hello",
    "javascript": "javascript:alert(1)",
    "no scheme": "hooks.partner.example/",
    "no host": "https:///path",
    "one slash": "https:/hooks.partner.example/",
    "three slashes": "https:///hooks.partner.example/",
    "backslashes": "https:\\\\hooks.partner.example\\",
    "backslash before the host's end": "https://hooks.partner.example\\@10.0.0.1/",
    "empty": "",
    "a blank": " ",
    "a blank before": " https://hooks.partner.example/",
    "a blank behind": "https://hooks.partner.example/ ",
    "a line break behind": "https://hooks.partner.example/\n",
    "a line break within": "https://hooks.partner.example/\r\nhost: inside",
    "a tab within the name": "https://hooks.\tpartner.example/",
    "a null": "https://hooks.partner.example/\0",
    "another port": "https://hooks.partner.example:8443/",
    "the port of http": "https://hooks.partner.example:80/",
    "port nought": "https://hooks.partner.example:0/",
    "an empty port": "https://hooks.partner.example:/",
    "the port with a nought before": "https://hooks.partner.example:0443/",
    "a user": "https://user@hooks.partner.example/",
    "a user and password": "https://user:word@hooks.partner.example/",
    "a user that looks like a host": "https://hooks.partner.example@169.254.169.254/",
    "an empty user": "https://@hooks.partner.example/",
    "a fragment": "https://hooks.partner.example/#x",
    "a fragment as user": "https://hooks.partner.example#@10.0.0.1/",
    "metadata": "https://169.254.169.254/latest/meta-data/",
    "metadata by name": "https://metadata.google.internal/computeMetadata/v1/",
    "instance data": "https://instance-data/latest/",
    "this machine": "https://localhost/",
    "this machine below a name": "https://x.localhost/",
    "this machine by number": "https://127.0.0.1/",
    "this machine, short": "https://127.1/",
    "this machine as one number": "https://2130706433/",
    "this machine in base 16": "https://0x7f000001/",
    "this machine in base 8": "https://0177.0.0.1/",
    "parts in base 16": "https://0x7f.0x0.0x0.0x1/",
    "an empty number in base 16": "https://hooks.0x/",
    "every address": "https://0.0.0.0/",
    "a private address": "https://10.0.0.1/",
    "a private address with a dot behind": "https://10.0.0.1./",
    "a public address": "https://93.184.215.14/",
    "this machine, version 6": "https://[::1]/",
    "any, version 6": "https://[::]/",
    "mapped": "https://[::ffff:169.254.169.254]/",
    "with a zone": "https://[fe80::1%25eth0]/",
    "a public address, version 6": "https://[2606:4700::1111]/",
    "a name that ends with a dot": "https://hooks.partner.example./",
    "a name of one label": "https://intranet/",
    "dots side by side": "https://hooks..example/",
    "a dot before": "https://.example/",
    "a hyphen before": "https://-hooks.example/",
    "a hyphen behind": "https://hooks-.example/",
    "an underscore": "https://hooks_1.example/",
    "a star": "https://*.example/",
    "percent within the name": "https://hooks%2eexample.com/",
    "wide digits": "https://\uff11\uff12\uff17.0.0.1/",
    "a circled letter": "https://\u24d4xample.com/",
    "a wide dot": "https://169\u3002254\u3002169\u3002254/",
    "letters that are not ASCII": "https://b\u00fccher.example/",
    "the sign of Kelvin": "https://hoo\u212as.partner.example/",
    "a long s": "https://hook\u017f.partner.example/",
    "a long s in the scheme": "http\u017f://hooks.partner.example/",
    "an i without its dot": "https://\u0131n.partner.example/",
    "the sign of Kelvin in the path": "https://hooks.partner.example/\u212a",
    "a soft hyphen": "https://hooks.part\u00adner.example/",
    "mirrored text": "https://hooks.\u202epartner.example/",
    "a path that is not ASCII": "https://hooks.partner.example/ü",
    "a quote in the path": 'https://hooks.partner.example/"',
    "a brace in the path": "https://hooks.partner.example/{x}",
    "a label of 64": f"https://{'a' * 64}.example/",
    "a name of 254": f"https://{'a.' * 124}example/",
    "a URL of 2001": "https://hooks.partner.example/" + "a" * 1971,
    "the local network": "https://printer.local/",
    "a router": "https://router.lan/",
    "a home": "https://router.home.arpa/",
    "reverse": "https://1.0.0.10.in-addr.arpa/",
    "inside": "https://api.corp/",
    "an onion": "https://abcdef.onion/",
    "invalid": "https://hooks.invalid/",
    "loopback over http": "http://127.0.0.1:8080/",
}


@pytest.mark.rule("WH-07")
@pytest.mark.parametrize("url", HOSTILE.values(), ids=HOSTILE)
def test_nothing_else_is(url):
    with pytest.raises(BadInput, match="a webhook goes to"):
        target_of(url)


def test_there_are_enough_hostile_ones():
    assert len(set(HOSTILE.values())) >= 60


@given(st.text(max_size=60) | st.text(max_size=40).map("https://{}".format))
def test_whatever_is_written_is_taken_apart_or_refused(url):
    try:
        target = target_of(url)
    except BadInput:
        return
    assert target.port == 443
    assert target.host.isascii()
    assert not target.host.rpartition(".")[2][:1].isdigit()
    assert not set(target.path) & set(" \r\n#\\@") - {"@"}


LOOPBACK = [
    pytest.param("http://127.0.0.1:8080/in", True, id="this machine, with a port"),
    pytest.param("http://localhost:1/", True, id="by name"),
    pytest.param("http://127.0.0.1/", False, id="without a port"),
    pytest.param("http://127.0.0.1:65536/", False, id="a port that is none"),
    pytest.param("http://127.0.0.2:8080/", False, id="another address of it"),
    pytest.param("http://127.0.0.1:80@10.0.0.1/", False, id="a user"),
    pytest.param("http://10.0.0.1:8080/", False, id="another machine"),
    pytest.param("http://hooks.partner.example:8080/", False, id="a name"),
]


@pytest.mark.parametrize(("url", "is_taken"), LOOPBACK)
def test_a_stack_on_one_machine_may_send_to_that_machine(url, is_taken):
    with pytest.raises(BadInput):
        target_of(url)
    if is_taken:
        assert target_of(url, to_loopback=True).is_plain
    else:
        with pytest.raises(BadInput):
            target_of(url, to_loopback=True)
    assert not target_of("https://a.example/", to_loopback=True).is_plain


# ---------------------------------------------------------------------- addresses
ADDRESSES = [
    ("93.184.215.14", True),
    ("1.1.1.1", True),
    ("2606:4700:4700::1111", True),
    ("2a00:1450:4001::200e", True),
    ("0.0.0.0", False),  # noqa: S104 - nothing is bound
    ("10.255.255.255", False),
    ("11.0.0.0", True),
    ("100.63.255.255", True),
    ("100.64.0.0", False),
    ("100.100.100.200", False),
    ("100.127.255.255", False),
    ("127.0.0.1", False),
    ("127.255.255.254", False),
    ("168.63.129.16", False),
    ("169.254.169.254", False),
    ("169.254.170.2", False),
    ("172.15.255.255", True),
    ("172.16.0.0", False),
    ("172.32.0.0", True),
    ("192.0.0.192", False),
    ("192.0.2.1", False),
    ("192.88.99.1", False),
    ("192.168.1.1", False),
    ("198.18.0.1", False),
    ("198.51.100.1", False),
    ("203.0.113.1", False),
    ("224.0.0.1", False),
    ("239.255.255.255", False),
    ("240.0.0.1", False),
    ("255.255.255.255", False),
    ("::", False),
    ("::1", False),
    ("::ffff:1.1.1.1", False),
    ("::ffff:10.0.0.1", False),
    ("::127.0.0.1", False),
    ("64:ff9b::a9fe:a9fe", False),
    ("64:ff9b:1::a00:1", False),
    ("100::1", False),
    ("2001::1", False),
    ("2001:db8::1", False),
    ("2002:a00:1::1", False),
    ("2002:7f00:1::", False),
    ("3fff::1", False),
    ("5f00::1", False),
    ("fc00::1", False),
    ("fd00:ec2::254", False),
    ("fe80::1", False),
    ("fe80::1%eth0", False),
    ("2606:4700::1%eth0", False),
    ("fec0::1", False),
    ("ff02::1", False),
    ("", False),
    ("localhost", False),
    ("0x7f000001", False),
    ("127.1", False),
    ("010.0.0.1", False),
    ("1.1.1.1 ", False),
]


@pytest.mark.rule("WH-07")
@pytest.mark.parametrize(("address", "is_open"), ADDRESSES, ids=[one[0] for one in ADDRESSES])
def test_an_address_is_public_or_nothing_goes_there(address, is_open):
    assert is_public(address, on=TODAY) is is_open


def _embeds(found: IPv6Address) -> bool:
    return bool(found.ipv4_mapped or found.sixtofour or found.teredo)


@pytest.mark.rule("WH-07")
@given(st.ip_addresses())
@example(IPv4Address("192.0.0.9"))
@example(IPv6Address("2001:4:112::1"))
def test_what_the_standard_library_does_not_call_public_is_closed(address):
    """Python's own list is another reading of the same registries; ours may be stricter."""
    assume_open = is_public(str(address), on=TODAY)
    if not address.is_global or address.is_multicast or address.is_reserved:
        assert not assume_open
    if address.version == 6 and _embeds(address):
        assert not assume_open


@pytest.mark.rule("WH-07")
@given(st.ip_addresses(v=4))
def test_no_address_comes_in_within_another(address):
    number = int(address)
    forms = [
        IPv6Address((0xFFFF << 32) | number),
        IPv6Address(number),
        IPv6Address((0x64FF9B << 96) | number),
        IPv6Address((0x2002 << 112) | (number << 80)),
        IPv6Address((0x20010000 << 96) | (number ^ 0xFFFFFFFF)),
    ]
    assert not any(is_public(str(one), on=TODAY) for one in forms)
    assert ip_address(str(forms[0])).ipv4_mapped == address


# ---------------------------------------------------------------------- signatures
def test_a_library_of_the_standard_takes_our_signature():
    now = now_really()
    secret = secret_of(bytes(range(32)))
    body = json.dumps({"type": "invoice.paid"}).encode()
    headers = signed([secret], message_id="EVT-1", at=now, body=body)
    assert Webhook(secret.value).verify(body, headers) == {"type": "invoice.paid"}
    with pytest.raises(WebhookVerificationError):
        Webhook(secret.value).verify(body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret_of(bytes(32)).value).verify(body, headers)


def now_really() -> datetime:
    """Give the time that the library goes by: it takes no other."""
    return datetime.fromtimestamp(int(time.time()), UTC)  # noqa: TID251 - see above


@pytest.mark.rule("WH-05")
def test_while_two_secrets_count_each_of_them_is_enough():
    now = now_really()
    new, former = secret_of(bytes(32)), secret_of(bytes(range(32)))
    headers = signed([new, former], message_id="EVT-1", at=now, body=b"{}")
    assert len(headers["webhook-signature"].split(" ")) == 2
    for secret in (new, former):
        assert Webhook(secret.value).verify(b"{}", headers) == {}


def test_the_example_of_the_standard():
    """Standard Webhooks, its reference library's own test (Python, ``test_webhook.py``)."""
    headers = signed(
        [Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        at=datetime.fromtimestamp(1614265330, UTC),
        body=b'{"test": 2432232314}',
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_secret_prints_as_stars():
    secret = secret_of(bytes(32))
    assert str(secret) == "***"
    assert base64.b64decode(secret.value.removeprefix("whsec_")) == bytes(32)


# ---------------------------------------------------------------------- tries
@pytest.mark.rule("WH-03")
@pytest.mark.parametrize(
    ("status", "is_good"),
    [
        pytest.param(199, False, id="just below"),
        pytest.param(200, True, id="OK"),
        pytest.param(204, True, id="nothing to say"),
        pytest.param(299, True, id="the last"),
        pytest.param(300, False, id="just above"),
        pytest.param(301, False, id="a redirect"),
        pytest.param(0, False, id="no answer"),
    ],
)
def test_only_2xx_is_a_success(status, is_good):
    assert is_success(Try(MONDAY, status)) is is_good


@pytest.mark.rule("WH-02")
def test_eight_tries_take_a_day_and_a_bit():
    at, tries = MONDAY, 1
    while (following := next_try_at(tries, at)) is not None:
        at, tries = following, tries + 1
    assert tries == 8
    assert timedelta(hours=27) < at - MONDAY < timedelta(hours=28)
    pauses = RETRY_SECONDS.on(TODAY)
    assert list(pauses) == sorted(pauses)


@pytest.mark.rule("WH-06")
@pytest.mark.parametrize(
    ("failing_for", "made", "off"),
    [
        pytest.param(None, Try(MONDAY, 410), Off.GONE, id="gone"),
        pytest.param(timedelta(days=5), Try(MONDAY, 500), Off.FAILED_TOO_LONG, id="five days"),
        pytest.param(
            timedelta(days=5, microseconds=-1), Try(MONDAY, 500), Off.NOT, id="just below five days"
        ),
        pytest.param(timedelta(days=9), Try(MONDAY, 200), Off.NOT, id="it works again"),
        pytest.param(None, Try(MONDAY, 404), Off.NOT, id="the first failure"),
        pytest.param(
            timedelta(days=6), Try(MONDAY, 0, TIMED_OUT), Off.FAILED_TOO_LONG, id="silent"
        ),
    ],
)
def test_when_an_endpoint_is_switched_off(failing_for, made, off):
    since = MONDAY - failing_for if failing_for is not None else None
    lately = MONDAY - timedelta(hours=10) if since is not None else None
    before = EndpointHealth("WHE-1", since, failed_at=lately)
    now = health_after(before, made, at=MONDAY)
    assert off_after(now, made, at=MONDAY) is off


@pytest.mark.rule("WH-08")
@pytest.mark.parametrize(
    ("made", "rests"),
    [
        pytest.param(Try(MONDAY, 0, TIMED_OUT), True, id="no answer in time"),
        pytest.param(Try(MONDAY, 503), False, id="a quick no"),
        pytest.param(Try(MONDAY, 0, "unreachable"), False, id="a closed door"),
        pytest.param(Try(MONDAY, 200), False, id="well"),
    ],
)
def test_who_does_not_answer_in_time_rests_a_minute(made, rests):
    now = health_after(EndpointHealth("WHE-1"), made, at=MONDAY)
    assert now.rests_until == (MONDAY + timedelta(minutes=1) if rests else None)
