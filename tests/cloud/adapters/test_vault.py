"""The vault, on our stand-in of KMS and on moto's: both must pass the same tests."""

import base64
import logging
import traceback
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from threading import Thread

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from cloud.adapters.vault import KEYS_REMEMBERED, LASTS, SEALS_PER_KEY, Vault
from cloud.kernel.errors import BrokenInvariant, Unavailable
from cloud.local.dynamodb import hook
from cloud.local.dynamodb.engine import Engine
from cloud.local.keys import Keys

hook.prepare()

START = datetime(2026, 6, 8, 13, 0, tzinfo=UTC)
CONTEXT = {"kind": "Contractor", "id": "C-1"}
ACCOUNT = "000123456789"


class Clock:
    def __init__(self):
        self.instant = START

    def now(self):
        return self.instant


class Counting:
    """The client of KMS, which counts what it is asked."""

    def __init__(self, client):
        self.client = client
        self.asked = []

    def __getattr__(self, name):
        self.asked.append(name)
        return getattr(self.client, name)


@cache
def a_client():
    return boto3.client("kms", region_name="us-east-1")


@contextmanager
def ours(folder):
    engine = Engine(folder / "tables.sqlite", clock=lambda: START)
    hook.install(engine)
    hook.register("kms", Keys(folder / "keys", {"SecretsKey": {}, "OtherKey": {}}, Clock()).call)
    try:
        yield "SecretsKey", "OtherKey"
    finally:
        hook.uninstall()
        engine.close()


@contextmanager
def motos():
    with mock_aws():
        made = [a_client().create_key()["KeyMetadata"]["KeyId"] for _ in range(2)]
        yield tuple(made)


@pytest.fixture(params=["ours", "moto"])
def keys(request, tmp_path):
    with ours(tmp_path) if request.param == "ours" else motos() as names:
        yield names


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def kms():
    return Counting(a_client())


@pytest.fixture
def vault(keys, clock, kms):
    return Vault(kms, keys[0], clock=clock)


@pytest.mark.parametrize(
    "plain",
    [ACCOUNT, "", "Zoë €\n\x00", "x" * 10_000, "\ud800"],
    ids=["an account", "nothing", "other signs", "a long one", "no Unicode"],
)
def test_what_was_sealed_opens_here_and_in_another_process(vault, keys, clock, plain):
    sealed = vault.seal(plain, context=CONTEXT)
    assert vault.open(sealed, context=CONTEXT) == plain
    another = Vault(a_client(), keys[0], clock=clock)
    assert another.open(sealed, context=dict(reversed(CONTEXT.items()))) == plain


def test_a_sealed_text_tells_nothing_and_is_another_each_time(vault):
    sealed = {vault.seal(ACCOUNT, context=CONTEXT) for _ in range(50)}
    assert len(sealed) == 50
    for one in sealed:
        version, *parts = one.split(".")
        assert (version, len(parts), one.isascii()) == ("v1", 3, True)
        octets = [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts]
        assert ACCOUNT.encode() not in b"".join(octets)


@pytest.mark.parametrize(
    "context",
    [{}, {"kind": "Contractor"}, {**CONTEXT, "id": "C-2"}, {**CONTEXT, "more": ""},
     {"kind": 'Contractor"], ["id', "id": "C-1"}],
)  # fmt: skip
def test_one_that_was_moved_to_another_record_does_not_open(vault, context):
    sealed = vault.seal(ACCOUNT, context=CONTEXT)
    with pytest.raises(BrokenInvariant, match="belongs to another record"):
        vault.open(sealed, context=context)


def refusals(keys):
    """Moto denies access where a blob names another key, and KMS knows that it is wrong."""
    return BrokenInvariant if keys[0] == "SecretsKey" else (BrokenInvariant, Unavailable)


def test_one_with_any_sign_changed_or_torn_off_does_not_open(vault, keys):
    """But for the last sign of a part, whose spare bits hold nothing."""
    sealed = vault.seal(ACCOUNT, context=CONTEXT)
    edges = {len(part) for part in ("v1", sealed.rpartition(".")[0], sealed)}
    edges.add(sealed.index(".", 3))
    for at in range(0, len(sealed), 3):
        with pytest.raises(refusals(keys)):
            vault.open(sealed[:at], context=CONTEXT)
        if at + 1 in edges:
            continue
        changed = sealed[:at] + ("A" if sealed[at] != "A" else "B") + sealed[at + 1 :]
        with pytest.raises(refusals(keys)):
            vault.open(changed, context=CONTEXT)


@pytest.mark.parametrize(
    "sealed", ["", ACCOUNT, "v1", "v1...", "v2.AAAA.AAAAAAAAAAAAAAAA.AAAA", "v1.A.b.c", "v1.é.b.c",
               "v1.AAAA.AAAAAAAAAAAAAAAA.AAAA", "v1.AAAAA.AAAAAAAAAAAAAAAA.AAAA"]
)  # fmt: skip
def test_what_was_never_sealed_does_not_open(vault, sealed):
    with pytest.raises(BrokenInvariant, match="opening a sealed value"):
        vault.open(sealed, context=CONTEXT)


def test_what_was_sealed_under_another_key_does_not_open(vault, keys, clock):
    sealed = Vault(a_client(), keys[1], clock=clock).seal(ACCOUNT, context=CONTEXT)
    with pytest.raises(refusals(keys), match=r"data key (is not one )?of"):
        vault.open(sealed, context=CONTEXT)


def test_a_data_key_for_another_purpose_does_not_open(vault, keys):
    """The context of the data key is bound by KMS: another role's blob is no use here."""
    made = a_client().generate_data_key(
        KeyId=keys[0], KeySpec="AES_256", EncryptionContext={"purpose": "other"}
    )
    blob = base64.urlsafe_b64encode(made["CiphertextBlob"]).rstrip(b"=").decode()
    rest = vault.seal(ACCOUNT, context=CONTEXT).split(".", 2)[2]
    with pytest.raises(BrokenInvariant, match="its data key"):
        vault.open(f"v1.{blob}.{rest}", context=CONTEXT)


# ---------------------------------------------------------------------- how often KMS is asked
def test_kms_is_asked_once_for_many(vault, kms):
    sealed = [vault.seal(ACCOUNT, context=CONTEXT) for _ in range(100)]
    for one in sealed:
        vault.open(one, context=CONTEXT)
    assert kms.asked == ["generate_data_key"]


def test_a_data_key_is_replaced_after_many_seals(vault, kms):
    first = vault.seal(ACCOUNT, context=CONTEXT).split(".")[1]
    for _ in range(SEALS_PER_KEY - 1):
        last = vault.seal("", context=CONTEXT).split(".")[1]
    assert (last, kms.asked) == (first, ["generate_data_key"])
    assert vault.seal("", context=CONTEXT).split(".")[1] != first
    assert kms.asked == ["generate_data_key"] * 2


@pytest.mark.parametrize(
    ("later", "asked"),
    [(LASTS - timedelta(seconds=1), 1), (LASTS, 2)],
    ids=["just before", "on the hour"],
)
def test_a_data_key_is_replaced_after_a_time(vault, kms, clock, later, asked):
    first = vault.seal(ACCOUNT, context=CONTEXT)
    clock.instant += later
    vault.seal(ACCOUNT, context=CONTEXT)
    assert kms.asked == ["generate_data_key"] * asked
    assert vault.open(first, context=CONTEXT) == ACCOUNT
    assert kms.asked[asked:] == ["decrypt"] * (asked - 1)


def test_only_so_many_data_keys_are_remembered(keys, clock, kms):
    sealed = []
    for _ in range(KEYS_REMEMBERED + 1):
        made = Vault(a_client(), keys[0], clock=clock)
        sealed.append(made.seal(ACCOUNT, context=CONTEXT))
    reader = Vault(kms, keys[0], clock=clock)
    for one in sealed:
        reader.open(one, context=CONTEXT)
    assert len(kms.asked) == KEYS_REMEMBERED + 1
    reader.open(sealed[-1], context=CONTEXT)
    assert len(kms.asked) == KEYS_REMEMBERED + 1
    reader.open(sealed[0], context=CONTEXT)
    assert len(kms.asked) == KEYS_REMEMBERED + 2
    assert len(reader._opened) == KEYS_REMEMBERED


def test_many_threads_share_one_data_key(vault, kms):
    wrong = []

    def work(number):
        for step in range(50):
            plain = f"{number}-{step}"
            if vault.open(vault.seal(plain, context=CONTEXT), context=CONTEXT) != plain:
                wrong.append(plain)

    workers = [Thread(target=work, args=(number,)) for number in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (wrong, kms.asked) == ([], ["generate_data_key"])


# ---------------------------------------------------------------------- when it cannot
@pytest.mark.parametrize("code", ["KMSInternalException", "DisabledException", "NotFoundException"])
def test_a_kms_that_does_not_answer_is_unavailable_and_tried_again(tmp_path, clock, code):
    with ours(tmp_path):
        keys = Keys(tmp_path / "keys", {"SecretsKey": {}}, clock)
        sealed = Vault(a_client(), "SecretsKey", clock=clock).seal(ACCOUNT, context=CONTEXT)

        def refuse(operation, _parameters):
            raise hook.ServiceError(code, f"{operation}: no", 400)

        vault = Vault(a_client(), "SecretsKey", clock=clock)
        hook.register("kms", refuse)
        with pytest.raises(Unavailable, match="a data key of SecretsKey"):
            vault.seal(ACCOUNT, context=CONTEXT)
        with pytest.raises(Unavailable, match="to open a data key of SecretsKey"):
            vault.open(sealed, context=CONTEXT)
        hook.register("kms", keys.call)
        assert vault.open(vault.seal("x", context=CONTEXT), context=CONTEXT) == "x"
        assert vault.open(sealed, context=CONTEXT) == ACCOUNT


def test_no_secret_is_shown_by_what_goes_wrong(vault, caplog):
    """Neither the text, nor what was sealed, nor the key, in repr, exception or log."""
    caplog.set_level(logging.DEBUG)
    sealed = vault.seal(ACCOUNT, context=CONTEXT)
    shown = [repr(vault), str(vault), repr(vault._current)]
    for text, context in ((sealed, {}), (ACCOUNT, CONTEXT), (sealed[:-6], CONTEXT)):
        with pytest.raises(BrokenInvariant) as refused:
            vault.open(text, context=context)
        lines = traceback.TracebackException.from_exception(refused.value).format()
        shown.append("".join(lines))
    everything = "\n".join(shown) + caplog.text
    assert ACCOUNT not in everything
    assert sealed.rpartition(".")[2] not in everything


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(
    plain=st.text(st.characters(exclude_categories=())),
    context=st.dictionaries(st.text(), st.text(), max_size=3),
    other=st.dictionaries(st.text(), st.text(), max_size=3),
)
def test_any_text_opens_with_its_own_context_only(vault, plain, context, other):
    sealed = vault.seal(plain, context=context)
    assert vault.open(sealed, context=context) == plain
    if other != context:
        with pytest.raises(BrokenInvariant):
            vault.open(sealed, context=other)
