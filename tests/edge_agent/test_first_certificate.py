"""A gateway gets its certificate, and the next one; power may go at any file operation."""

import json
import os
import shutil
import ssl
import stat
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from edge_agent.mqtt import BrokerRefused
from edge_agent.operation.credentials import CredentialsError, Pair, make_key, request, settle
from edge_agent.operation.provisioning import Claim, NotProvisioned, provision, renew
from edge_agent.settings import BrokerSettings, DeviceSettings, Settings

KILLED = 9
FILE_EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "subprocess.Popen"}


class FakeCloud:
    """Signs requests and says yes; what it did stands in a file, so that it outlives a kill."""

    def __init__(self, folder: Path, key: ec.EllipticCurvePrivateKey) -> None:
        self.folder, self.key = folder, key
        self.says_no = self.is_silent = False
        self.refuses: Callable[[str], bool] = lambda _: False
        self.other_key = False

    def __call__(self, broker: BrokerSettings, client_id: str) -> "FakeCloud":
        self.note("connect", client_id, broker.cert)
        if self.refuses(broker.cert):
            raise BrokerRefused("the broker refused: Not authorized")
        if self.is_silent:
            raise TimeoutError("no answer within 30 s")
        context = ssl.create_default_context()
        context.load_cert_chain(broker.cert, broker.key)
        return self

    def close(self) -> None:
        pass

    def ask(self, topic: str, payload: bytes) -> tuple[bool, bytes]:
        asked = json.loads(payload)
        if topic.endswith("create-from-csr/json"):
            wanted = x509.load_pem_x509_csr(asked["certificateSigningRequest"].encode())
            public = wanted.public_key()
            spki = public.public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            self.note("signed", sha256(spki).hexdigest(), "")
            if self.other_key:
                public = ec.generate_private_key(ec.SECP256R1()).public_key()
            answer = {"certificatePem": self.sign(wanted, public), "certificateOwnershipToken": "t"}
            return True, json.dumps(answer).encode()
        self.note("provision", topic, json.dumps(asked["parameters"]))
        if self.says_no:
            return False, b'{"statusCode": 403, "errorCode": "AccessDenied"}'
        return True, json.dumps({"thingName": asked["parameters"]["ThingName"]}).encode()

    def sign(self, wanted, public) -> str:
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "cloud")])
        made = (
            x509.CertificateBuilder()
            .subject_name(wanted.subject)
            .issuer_name(name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(2049, 12, 31, tzinfo=UTC))
            .sign(self.key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM).decode()

    def note(self, *words: str) -> None:
        with (self.folder / "cloud").open("a") as file:
            file.write("\t".join(words) + "\n")

    def noted(self, what: str) -> list[list[str]]:
        lines = (self.folder / "cloud").read_text().splitlines()
        return [line.split("\t")[1:] for line in lines if line.split("\t")[0] == what]


class Gateway:
    """A folder with what an installer brings, and settings."""

    def __init__(self, folder: Path, *, like: "Gateway | None" = None) -> None:
        """Make a new one, or a copy of one as it is."""
        self.folder = folder / "gateway"
        if like is not None:
            shutil.copytree(like.folder, self.folder)
            self._begin(folder, like.cloud.key)
            return
        self.folder.mkdir(parents=True)
        self._begin(folder, ec.generate_private_key(ec.SECP256R1()))
        for name in ("claim.pem", "claim.key", "token"):
            (self.folder / name).write_text(name)
        # The claim is a pair, too: the fake cloud loads it as TLS would.
        make_key(self.folder / "k")
        wanted = x509.load_pem_x509_csr(request(self.folder / "k", "claim").encode())
        (self.folder / "claim.pem").write_text(self.cloud.sign(wanted, wanted.public_key()))
        (self.folder / "k").replace(self.claim.key)

    def _begin(self, folder: Path, key: ec.EllipticCurvePrivateKey) -> None:
        self.claim = Claim(
            self.folder / "claim.pem", self.folder / "claim.key", "token-1", self.folder / "token"
        )
        self.settings = Settings(
            thing="gw-1",
            outbox=self.folder / "outbox.sqlite",
            broker=BrokerSettings(
                "127.0.0.1", 8883, str(self.folder / "ca.pem"), str(self.folder / "gw.pem"),
                str(self.folder / "gw.key"),
            ),
            devices=(DeviceSettings("roof", "127.0.0.1"),),
            serial="SN-1",
        )  # fmt: skip
        self.pair = Pair.of(self.settings.broker)
        self.cloud = FakeCloud(folder, key)

    def provision(self) -> bool:
        return provision(self.settings, self.claim, asker_of=self.cloud)

    def renew(self) -> None:
        renew(self.settings, asker_of=self.cloud)

    def files(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}


@pytest.fixture
def gateway(tmp_path):
    return Gateway(tmp_path)


def killed_at(number: int, act: Callable[[], object], folder: Path) -> bool:
    """Run in a process of its own that ends, without a word, before its n-th file operation."""
    child = os.fork()
    if child == 0:
        left = number

        def watch(event: str, arguments: tuple) -> None:
            nonlocal left
            is_file = event == "subprocess.Popen" or str(folder) in str(arguments[:2])
            if event in FILE_EVENTS and is_file:
                if not left:
                    os._exit(KILLED)
                left -= 1

        try:
            sys.addaudithook(watch)
            act()
        except BaseException:  # noqa: BLE001 - the exit code tells it
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in {0, KILLED}, "it failed by itself"
    return code == KILLED


def test_a_gateway_gets_its_certificate_uses_it_once_and_forgets_the_claim(gateway):
    assert gateway.provision()
    assert gateway.files() == {"gw.pem", "gw.key"}
    assert stat.S_IMODE(gateway.pair.key.stat().st_mode) == 0o600
    assert gateway.pair.fits()
    assert [one[0] for one in gateway.cloud.noted("connect")] == ["claim-SN-1", "gw-1"]
    topic, parameters = gateway.cloud.noted("provision")[0]
    assert topic == "$aws/provisioning-templates/sunreeve-claim/provision/json"
    assert json.loads(parameters) == {
        "SerialNumber": "SN-1", "ThingName": "gw-1", "Token": "token-1"
    }  # fmt: skip
    assert not gateway.provision(), "a second time there is nothing left to do"
    assert len(gateway.cloud.noted("signed")) == 1


def test_power_may_go_before_each_file_operation_of_provisioning(tmp_path):
    number = kills = 0
    fresh = Gateway(tmp_path / "fresh")
    while True:
        gateway = Gateway(tmp_path / str(number), like=fresh)
        was_killed = killed_at(number, gateway.provision, gateway.folder)
        if gateway.pair.cert.exists():
            assert gateway.pair.fits(), "a certificate that is there is whole and has its key"
        else:
            assert gateway.claim.cert.exists(), "what is not done can be done again"
            assert gateway.claim.key.exists()
        gateway.provision()
        assert gateway.pair.fits()
        assert gateway.files() == {"gw.pem", "gw.key"}, "claim and token are forgotten"
        # One key for all tries: for the cloud it is the same provision.
        assert len({key for key, _ in gateway.cloud.noted("signed")}) == 1
        kills += was_killed
        if not was_killed:
            break
        number += 1
    assert kills > 12, "it was killed at every place, not at a few"


def test_power_may_go_before_each_file_operation_of_renewing(tmp_path):
    number = kills = 0
    provisioned = Gateway(tmp_path / "provisioned")
    provisioned.provision()
    while True:
        gateway = Gateway(tmp_path / str(number), like=provisioned)
        first = gateway.pair.key.read_bytes()
        was_killed = killed_at(number, gateway.renew, gateway.folder)
        settle(gateway.pair)
        assert gateway.pair.fits(), "whenever power went, the next start has a pair that works"
        gateway.renew()
        assert gateway.pair.fits()
        assert gateway.pair.key.read_bytes() != first
        assert gateway.files() == {"gw.pem", "gw.key"}, "nothing is left of a key"
        kills += was_killed
        if not was_killed:
            break
        number += 1
    assert kills > 20


def test_a_no_leaves_everything_as_it_was(gateway):
    gateway.cloud.says_no = True
    with pytest.raises(NotProvisioned, match="AccessDenied"):
        gateway.provision()
    assert not gateway.pair.cert.exists()
    assert gateway.claim.key.exists()
    gateway.cloud.says_no = False
    assert gateway.provision()


def test_a_certificate_for_another_key_is_not_kept(gateway):
    gateway.cloud.other_key = True
    with pytest.raises(NotProvisioned, match="another key"):
        gateway.provision()
    assert not gateway.pair.cert.exists()


def test_the_claim_stays_until_the_certificate_was_used(gateway):
    gateway.cloud.refuses = lambda cert: cert.endswith("gw.pem")
    with pytest.raises(BrokerRefused):
        gateway.provision()
    assert gateway.claim.key.exists()
    gateway.cloud.refuses = lambda _: False
    assert not gateway.provision()
    assert not gateway.claim.key.exists()


def test_a_renewed_certificate_that_is_refused_gives_way_to_the_one_before(gateway):
    gateway.provision()
    first = gateway.pair.cert.read_bytes()
    gateway.cloud.refuses = lambda cert: Path(cert).read_bytes() != first
    with pytest.raises(BrokerRefused):
        gateway.renew()
    assert gateway.pair.cert.read_bytes() == first
    assert gateway.pair.fits()
    gateway.cloud.refuses = lambda _: False
    gateway.renew()
    assert gateway.pair.cert.read_bytes() != first


def test_after_silence_the_renewed_certificate_stays_and_the_next_try_goes_on_there(gateway):
    gateway.provision()
    first = gateway.pair.cert.read_bytes()
    answers = iter([False, True])

    def is_silent(_: str) -> bool:
        gateway.cloud.is_silent = next(answers, False)
        return False

    gateway.cloud.refuses = is_silent
    with pytest.raises(TimeoutError):
        gateway.renew()
    second = gateway.pair.cert.read_bytes()
    assert second != first
    assert gateway.pair.before.fits()
    gateway.renew()
    assert gateway.pair.cert.read_bytes() == second, "it was only tried once more"
    assert gateway.files() == {"gw.pem", "gw.key"}


def test_without_a_serial_number_or_certificates_in_the_settings_it_says_so(gateway):
    with pytest.raises(NotProvisioned, match="serial"):
        provision(replace(gateway.settings, serial=""), gateway.claim, asker_of=gateway.cloud)
    plain = replace(gateway.settings, broker=BrokerSettings("127.0.0.1"))
    with pytest.raises(CredentialsError, match="ca, cert and key"):
        provision(plain, gateway.claim, asker_of=gateway.cloud)


@pytest.mark.parametrize(
    "answer", [b"", b"[]", b"\xff", b"{}", b"[" * 9999, b'{"certificatePem":1}']
)
def test_what_is_no_answer_is_a_no(gateway, answer):
    class Strange(FakeCloud):
        def ask(self, topic: str, payload: bytes) -> tuple[bool, bytes]:
            return True, answer

    strange = Strange(gateway.folder.parent, gateway.cloud.key)
    with pytest.raises(NotProvisioned):
        provision(gateway.settings, gateway.claim, asker_of=strange)
    assert not gateway.pair.cert.exists()


def test_a_folder_that_cannot_be_written_is_one_line(gateway):
    nowhere = replace(
        gateway.settings,
        broker=replace(gateway.settings.broker, key=str(gateway.folder / "no" / "gw.key")),
    )
    with pytest.raises(CredentialsError, match=r"writing .*no/gw\.key"):
        provision(nowhere, gateway.claim, asker_of=gateway.cloud)


def test_a_key_is_made_once_and_a_pair_that_does_not_fit_is_none(gateway):
    make_key(gateway.pair.key)
    first = gateway.pair.key.read_bytes()
    make_key(gateway.pair.key)
    assert gateway.pair.key.read_bytes() == first
    gateway.pair.cert.write_text(gateway.claim.cert.read_text())
    assert not gateway.pair.fits()
    assert not settle(gateway.pair)
    with pytest.raises(CredentialsError, match="openssl says"):
        request(gateway.claim.cert, "gw-1")
