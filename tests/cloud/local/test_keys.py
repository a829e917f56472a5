"""The KMS stand-in through boto3: sealing, opening, rotation, refusals."""

import json
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from threading import Thread

import boto3
import pytest
from botocore.exceptions import ClientError

from cloud.kernel.errors import BadInput
from cloud.local.dynamodb import hook
from cloud.local.dynamodb.engine import Engine
from cloud.local.dynamodb.hook import ServiceError
from cloud.local.keys import Keys

hook.prepare()

START = datetime(2026, 6, 8, 13, 0, tzinfo=UTC)
ARN = "arn:aws:kms:us-east-1:000000000000:"
DEFINITIONS = {
    "SecretsKey": {"Description": "Seals secrets.", "EnableKeyRotation": True},
    "OtherKey": {},
    "OffKey": {"Enabled": False},
}
ALIASES = {"alias/secrets": "SecretsKey", "alias/other": "OtherKey", "alias/SecretsKey": "OtherKey"}


class Clock:
    def now(self):
        return START


@cache
def a_client():
    return boto3.client("kms", region_name="us-east-1")


def opened(folder, definitions=DEFINITIONS, aliases=ALIASES):
    return Keys(folder, definitions, Clock(), aliases=aliases)


@pytest.fixture
def keys(tmp_path):
    return opened(tmp_path / "keys")


@pytest.fixture
def kms(tmp_path, keys):
    engine = Engine(tmp_path / "tables.sqlite", clock=lambda: START)
    hook.install(engine)
    hook.register("kms", keys.call)
    yield a_client()
    hook.uninstall()
    engine.close()


@contextmanager
def refused(code):
    with pytest.raises(ClientError) as caught:
        yield
    assert caught.value.response["Error"]["Code"] == code


def seal(kms, plaintext=b"text", key="SecretsKey", **context):
    sealed = kms.encrypt(KeyId=key, Plaintext=plaintext, EncryptionContext=context)
    return sealed["CiphertextBlob"]


@pytest.mark.parametrize(
    "name",
    ["SecretsKey", ARN + "key/SecretsKey", "alias/secrets", ARN + "alias/secrets"],
)
def test_a_key_has_four_names(kms, name):
    sealed = kms.encrypt(KeyId=name, Plaintext=b"text")
    assert sealed["KeyId"] == ARN + "key/SecretsKey"
    opened_ = kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"], KeyId=name)
    assert (opened_["Plaintext"], opened_["KeyId"]) == (b"text", sealed["KeyId"])
    assert kms.describe_key(KeyId=name)["KeyMetadata"]["KeyId"] == "SecretsKey"


@pytest.mark.parametrize(
    "name",
    ["none", "alias/none", "key/SecretsKey", ARN + "SecretsKey", ARN + "key/alias/secrets",
     ARN.replace("east", "west") + "key/SecretsKey", "secrets"],
)  # fmt: skip
def test_what_is_no_name_of_a_key_is_not_found(kms, name):
    with refused("NotFoundException"):
        kms.describe_key(KeyId=name)
    with refused("NotFoundException"):
        kms.generate_data_key(KeyId=name, KeySpec="AES_256")


def test_the_same_text_is_sealed_anew_each_time_and_does_not_show(kms):
    first, second = seal(kms, b"secret"), seal(kms, b"secret")
    assert first != second
    assert b"secret" not in first


@pytest.mark.parametrize(
    ("sealed_with", "opened_with", "is_same"),
    [
        ({"a": "1", "b": "2"}, {"b": "2", "a": "1"}, True),
        ({"a": "1"}, {"a": "2"}, False),
        ({"a": "1"}, {"A": "1"}, False),
        ({"a": "1"}, {}, False),
        ({}, {"a": "1"}, False),
        ({"a": "1", "b": "2"}, {"a": '1", "b": "2'}, False),
    ],
    ids=["in another order", "other", "in capitals", "none", "one too many", "quoted"],
)
def test_what_is_sealed_with_a_context_opens_with_it_only(kms, sealed_with, opened_with, is_same):
    blob = seal(kms, **sealed_with)
    if is_same:
        opened_ = kms.decrypt(CiphertextBlob=blob, EncryptionContext=opened_with)
        assert opened_["Plaintext"] == b"text"
        return
    with refused("InvalidCiphertextException"):
        kms.decrypt(CiphertextBlob=blob, EncryptionContext=opened_with)


def test_a_blob_with_any_octet_changed_or_torn_off_does_not_open(kms):
    blob = seal(kms)
    for at in range(len(blob)):
        changed = blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :]
        with refused("InvalidCiphertextException"):
            kms.decrypt(CiphertextBlob=changed)
        with refused("InvalidCiphertextException"):
            kms.decrypt(CiphertextBlob=blob[:at] or b"x")


def test_a_blob_of_another_folder_does_not_open(kms, tmp_path):
    other = opened(tmp_path / "other")
    blob = other.call("Encrypt", {"KeyId": "SecretsKey", "Plaintext": b"x"})["CiphertextBlob"]
    with refused("InvalidCiphertextException"):
        kms.decrypt(CiphertextBlob=blob)


def test_a_blob_of_another_key_is_told_from_a_bad_one(kms):
    with refused("IncorrectKeyException"):
        kms.decrypt(CiphertextBlob=seal(kms), KeyId="OtherKey")


@pytest.mark.parametrize(("size", "is_sealed"), [(4096, True), (4097, False)])
def test_encrypt_takes_4096_octets(kms, size, is_sealed):
    if is_sealed:
        assert kms.decrypt(CiphertextBlob=seal(kms, b"x" * size))["Plaintext"] == b"x" * size
        return
    with refused("ValidationException"):
        seal(kms, b"x" * size)


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        ({"KeySpec": "AES_256"}, 32),
        ({"KeySpec": "AES_128"}, 16),
        ({"NumberOfBytes": 1024}, 1024),
        ({"NumberOfBytes": 1025}, None),
        ({"KeySpec": "AES_256", "NumberOfBytes": 32}, None),
        ({}, None),
    ],
)
def test_a_data_key_is_as_long_as_was_asked(kms, asked, size):
    if size is None:
        with refused("ValidationException"):
            kms.generate_data_key(KeyId="SecretsKey", **asked)
        return
    made = kms.generate_data_key(KeyId="SecretsKey", EncryptionContext={"a": "b"}, **asked)
    opened_ = kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"a": "b"})
    assert (opened_["Plaintext"], len(made["Plaintext"])) == (made["Plaintext"], size)
    hidden = kms.generate_data_key_without_plaintext(KeyId="SecretsKey", **asked)
    assert "Plaintext" not in hidden
    assert len(kms.decrypt(CiphertextBlob=hidden["CiphertextBlob"])["Plaintext"]) == size


def test_a_disabled_key_is_described_and_does_nothing(kms):
    assert kms.describe_key(KeyId="OffKey")["KeyMetadata"]["KeyState"] == "Disabled"
    with refused("DisabledException"):
        seal(kms, key="OffKey")
    with refused("DisabledException"):
        kms.re_encrypt(CiphertextBlob=seal(kms), DestinationKeyId="OffKey")


def test_what_a_key_sealed_before_it_was_disabled_does_not_open(kms, tmp_path):
    blob = seal(kms)
    off = opened(tmp_path / "keys", DEFINITIONS | {"SecretsKey": {"Enabled": False}})
    with pytest.raises(hook.ServiceError, match="DisabledException"):
        off.call("Decrypt", {"CiphertextBlob": blob})


def test_a_blob_is_sealed_anew_for_another_key_and_context(kms):
    moved = kms.re_encrypt(
        CiphertextBlob=seal(kms, a="1"),
        SourceEncryptionContext={"a": "1"},
        DestinationKeyId="alias/other",
        DestinationEncryptionContext={"b": "2"},
    )
    assert (moved["SourceKeyId"], moved["KeyId"]) == (ARN + "key/SecretsKey", ARN + "key/OtherKey")
    opened_ = kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"b": "2"})
    assert opened_["Plaintext"] == b"text"
    with refused("InvalidCiphertextException"):
        kms.re_encrypt(CiphertextBlob=seal(kms, a="1"), DestinationKeyId="OtherKey")


def test_a_key_is_described(kms):
    told = kms.describe_key(KeyId="SecretsKey")["KeyMetadata"]
    assert told["Description"] == "Seals secrets."
    assert (told["CreationDate"], told["KeySpec"]) == (START, "SYMMETRIC_DEFAULT")


def test_aliases_are_listed_page_by_page(kms):
    page = kms.list_aliases(Limit=2)
    assert [one["AliasName"] for one in page["Aliases"]] == ["alias/SecretsKey", "alias/other"]
    rest = kms.list_aliases(Limit=2, Marker=page["NextMarker"])
    assert [one["AliasArn"] for one in rest["Aliases"]] == [ARN + "alias/secrets"]
    assert rest["Truncated"] is False
    (only,) = kms.list_aliases(KeyId="SecretsKey")["Aliases"]
    assert (only["AliasName"], only["TargetKeyId"]) == ("alias/secrets", "SecretsKey")


def test_what_is_not_known_is_refused(kms):
    with refused("UnsupportedOperationException"):
        kms.schedule_key_deletion(KeyId="SecretsKey")
    with refused("UnsupportedOperationException"):
        kms.encrypt(KeyId="SecretsKey", Plaintext=b"x", DryRun=True)
    with refused("InvalidKeyUsageException"):
        kms.encrypt(KeyId="SecretsKey", Plaintext=b"x", EncryptionAlgorithm="RSAES_OAEP_SHA_256")


# ---------------------------------------------------------------------- files
def test_after_a_rotation_old_and_new_open_here_and_after_a_restart(kms, keys, tmp_path):
    other = opened(tmp_path / "keys")
    blobs = [seal(kms, b"0")]
    for version in (2, 3):
        assert keys.rotate("SecretsKey") == version
        blobs.append(seal(kms, str(version).encode()))
    for one in (keys, other, opened(tmp_path / "keys")):
        texts = [one.call("Decrypt", {"CiphertextBlob": blob})["Plaintext"] for blob in blobs]
        assert texts == [b"0", b"2", b"3"]
    assert len({blob[:30] for blob in blobs}) == 3
    with pytest.raises(BadInput, match="rotating key none"):
        keys.rotate("none")


def test_the_material_is_for_its_owner_s_eyes(keys, tmp_path):
    made = sorted((tmp_path / "keys").iterdir())
    assert [one.name for one in made] == ["OffKey.1.key", "OtherKey.1.key", "SecretsKey.1.key"]
    assert {one.stat().st_mode & 0o777 for one in made} == {0o600}
    assert len({json.loads(one.read_text())["material"] for one in made}) == 3


@pytest.mark.parametrize("content", ["", "{}", '{"made_at": "x"', "[]", '{"material": "AAAA"}'])
def test_a_damaged_file_stops_the_start_and_is_not_replaced(keys, tmp_path, content):
    path = tmp_path / "keys" / "SecretsKey.1.key"
    path.write_text(content)
    with pytest.raises(BadInput, match=r"SecretsKey\.1\.key: it holds no key"):
        opened(tmp_path / "keys")
    assert path.read_text() == content


def test_many_who_open_a_new_folder_at_once_share_the_keys(tmp_path):
    made: list[Keys] = []
    openers = [Thread(target=lambda: made.append(opened(tmp_path / "new"))) for _ in range(8)]
    for opener in openers:
        opener.start()
    for opener in openers:
        opener.join()
    sealed = [one.call("Encrypt", {"KeyId": "OtherKey", "Plaintext": b"x"}) for one in made]
    for one in made:
        for blob in sealed:
            asked = {"CiphertextBlob": blob["CiphertextBlob"]}
            assert one.call("Decrypt", asked)["Plaintext"] == b"x"
    assert len(made) == 8


@pytest.mark.parametrize(
    ("definitions", "aliases", "says"),
    [
        ({"K": {"KeySpec": "RSA_2048"}}, {}, "key K: its KeySpec"),
        ({"K": {"MultiRegion": True}}, {}, "key K: its MultiRegion"),
        ({"K": {"Colour": "red"}}, {}, "key K: its Colour"),
        ({"../K": {}}, {}, "a name has"),
        ({"K": {}}, {"alias/k": "L"}, "alias alias/k of key L"),
        ({"K": {}}, {"k": "K"}, "alias k of key K"),
    ],
)
def test_a_key_that_cannot_be_honoured_is_refused(tmp_path, definitions, aliases, says):
    with pytest.raises(BadInput, match=says):
        opened(tmp_path, definitions, aliases)


# ---------------------------------------------------------------------- keys that sign
SIGNS = {"KeyUsage": "GENERATE_VERIFY_MAC", "KeySpec": "HMAC_256"}
MAC = {"MacAlgorithm": "HMAC_SHA_256"}


@pytest.fixture
def signing(tmp_path):
    return Keys(tmp_path, {"S": SIGNS, "K": {}}, Clock())


def test_the_same_text_is_signed_the_same_also_after_a_restart(tmp_path, signing):
    asked = {"KeyId": "S", "Message": b"a list", **MAC}
    first = signing.call("GenerateMac", asked)["Mac"]
    again = Keys(tmp_path, {"S": SIGNS}, Clock())
    assert len(first) == 32
    assert again.call("GenerateMac", asked)["Mac"] == first
    assert again.call("VerifyMac", {**asked, "Mac": first})["MacValid"] is True
    assert signing.call("GenerateMac", {**asked, "Message": b"another"})["Mac"] != first


@pytest.mark.parametrize(
    ("operation", "asked", "code"),
    [
        ("VerifyMac", {"KeyId": "S", "Message": b"m", "Mac": b"x" * 32}, "KMSInvalidMacException"),
        ("GenerateMac", {"KeyId": "K", "Message": b"m"}, "InvalidKeyUsageException"),
        ("GenerateMac", {"KeyId": "S", "Message": b""}, "ValidationException"),
        ("GenerateMac", {"KeyId": "S", "Message": b"m" * 4097}, "ValidationException"),
    ],
)
def test_a_signature_that_cannot_be_is_refused(signing, operation, asked, code):
    with pytest.raises(ServiceError) as refused:
        signing.call(operation, {**MAC, **asked})
    assert refused.value.code == code


def test_a_key_that_signs_opens_nothing_and_is_not_rotated(signing):
    with pytest.raises(ServiceError) as refused:
        signing.call("Encrypt", {"KeyId": "S", "Plaintext": b"secret"})
    assert refused.value.code == "InvalidKeyUsageException"
    with pytest.raises(BadInput, match="cannot be rotated"):
        signing.rotate("S")
    told = signing.call("DescribeKey", {"KeyId": "S"})["KeyMetadata"]
    assert (told["KeySpec"], told["MacAlgorithms"]) == ("HMAC_256", ["HMAC_SHA_256"])
