"""Devices come in by serial number and token, once; they renew, end and are replaced."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_home import HOME

from cloud.adapters.memory import MemoryDeviceRegistry, MemoryRecords
from cloud.kernel.change import Change, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, Conflict, NotFound
from cloud.portfolio.devices import (
    Asked,
    CertificateState,
    ClaimCertificate,
    DeviceSerial,
    DeviceState,
    asked,
    claim_end,
    hour_id,
    token_digest,
)
from cloud.portfolio.models import Site
from cloud.portfolio.process import devices as process
from cloud.portfolio.process.devices import (
    admit,
    decommission,
    make_claim,
    note_connected,
    provision,
    renew,
    replace_device,
    retire_claim,
)

NOW = datetime(2026, 6, 8, 13, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SITE = replace(HOME, id="S-1")
OTHER_SITE = replace(SITE, id="S-2", gateway_id="gw-2")
REQUEST = "-----BEGIN CERTIFICATE REQUEST-----"
CLAIM = "c" * 64


def certificate(number: int) -> str:
    return f"{number:064x}"


def wanting(**changes: str) -> Asked:
    usual = {
        "claim_id": CLAIM, "certificate_id": certificate(1), "key_digest": "key-1",
        "client_id": "claim-SN-1", "serial": "SN-1", "token": "token-1", "thing": "gw-1",
    }  # fmt: skip
    return Asked(**usual | changes)


class Desk:
    """Records with two sites, a claim, and a registry; `by` is always the same person."""

    def __init__(self) -> None:
        self.records, self.registry = MemoryRecords(), MemoryDeviceRegistry()
        claim = ClaimCertificate(CLAIM, NOW, "ops", claim_end(NOW))
        saves = tuple(Save(one) for one in (SITE, OTHER_SITE, claim))
        self.records.commit(Change(saves=saves))

    def admit(self, serial="SN-1", site="S-1", token="token-1", *, at=NOW):
        return admit(
            self.records, serial=serial, site_id=site, token=token, because="order 7", at=at,
            by="ops",
        )  # fmt: skip

    def provision(self, *, at=NOW, **changes):
        answer = provision(self.records, wanting(**changes), at=at)
        if isinstance(answer, DeviceSerial):
            self.registry.active.add(changes.get("certificate_id", certificate(1)))
        return answer

    def connect(self, number=1, *, thing="gw-1", at=NOW):
        return note_connected(
            self.records, self.registry, thing=thing, certificate_id=certificate(number), at=at
        )

    def renew(self, number, *, current=1, at=NOW, **changes):
        wanted = wanting(
            claim_id=certificate(current), certificate_id=certificate(number),
            key_digest=f"key-{number}", client_id="gw-1", token="", **changes,
        )  # fmt: skip
        answer = renew(self.records, wanted, at=at)
        if isinstance(answer, DeviceSerial):
            self.registry.active.add(certificate(number))
        return answer

    def end(self, *, at=NOW):
        return decommission(
            self.records, self.registry, gateway_id="gw-1", because="moved", at=at, by="ops"
        )

    def swap(self, old="SN-1", new="SN-2", token="token-2", *, at=NOW):
        return replace_device(
            self.records, self.registry, old=old, new=new, token=token, because="broken", at=at,
            by="ops",
        )  # fmt: skip

    def device(self, serial="SN-1") -> DeviceSerial:
        return self.records.load(DeviceSerial, serial).record

    def told(self, serial="SN-1") -> list[tuple[str, str]]:
        return [(one.what, one.rule) for one in self.records.history(f"DEVICE-{serial}")]


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def live(desk: Desk) -> Desk:
    desk.admit()
    desk.provision()
    assert desk.connect()
    return desk


# ---------------------------------------------------------------------- coming in
@pytest.mark.rule("DV-01")
def test_one_that_was_let_in_gets_a_certificate_and_is_live_once_it_connected(desk):
    desk.admit()
    assert desk.provision().state is DeviceState.PROVISIONED
    assert desk.connect()
    assert desk.device().state is DeviceState.LIVE
    assert desk.device().token_digest == ""
    assert [one for one, _ in desk.told()] == [
        "device_admitted",
        "device_provisioned",
        "device_live",
    ]


def no(answer: object, rule: str) -> bool:
    return isinstance(answer, Refused) and answer.rule == rule


@pytest.mark.rule("DV-01")
@pytest.mark.rule("DV-02")
@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        pytest.param({"serial": "SN-9"}, "DV-01", id="a serial number that nobody let in"),
        pytest.param({"serial": "sn-1"}, "DV-01", id="written otherwise it is another one"),
        pytest.param({"thing": "gw-2"}, "DV-01", id="in another gateway's name"),
        pytest.param({"token": "token-2"}, "DV-02", id="a wrong token"),
        pytest.param({"token": ""}, "DV-02", id="no token"),
        pytest.param({"token": token_digest("token-1")}, "DV-02", id="the digest is no token"),
        pytest.param({"claim_id": "d" * 64}, "DV-04", id="a claim that is not ours"),
    ],
)
def test_whatever_does_not_fit_is_a_no_with_its_rule_in_the_log(desk, changes, rule):
    desk.admit()
    assert no(desk.provision(**changes), rule)
    assert ("device_refused", rule) in desk.told(changes.get("serial", "SN-1"))
    assert desk.device().state is DeviceState.ADMITTED


@pytest.mark.rule("DV-01")
def test_a_site_that_has_another_gateway_by_now_is_not_its_own(desk):
    desk.admit()
    stored = desk.records.load(Site, "S-1")
    moved = replace(stored.record, gateway_id="gw-7")
    desk.records.commit(Change(saves=(stored.replaced_by(moved),)))
    assert no(desk.provision(), "DV-01")


@pytest.mark.rule("DV-02")
@pytest.mark.parametrize(
    ("after", "is_in"),
    [
        pytest.param(timedelta(days=14) - timedelta(seconds=1), True, id="just before its end"),
        pytest.param(timedelta(days=14), False, id="at its end"),
    ],
)
def test_a_token_ends(desk, after, is_in):
    desk.admit()
    assert isinstance(desk.provision(at=NOW + after), DeviceSerial) is is_in


@pytest.mark.rule("DV-02")
def test_a_new_token_kills_the_old_one(desk):
    desk.admit()
    desk.admit(token="token-2")
    assert no(desk.provision(), "DV-02")
    assert isinstance(desk.provision(token="token-2"), DeviceSerial)


@pytest.mark.rule("DV-03")
@pytest.mark.parametrize(
    ("after", "changes", "is_in"),
    [
        pytest.param(30 * MINUTE, {}, True, id="the same key within half an hour"),
        pytest.param(31 * MINUTE, {}, False, id="the same key later"),
        pytest.param(MINUTE, {"key_digest": "key-2"}, False, id="another key: used once"),
        pytest.param(MINUTE, {"token": "token-2"}, False, id="the same key without the token"),
    ],
)
def test_the_same_key_again_is_the_same_provision(desk, after, changes, is_in):
    desk.admit()
    desk.provision()
    again = desk.provision(at=NOW + after, certificate_id=certificate(2), **changes)
    assert isinstance(again, DeviceSerial) is is_in


@pytest.mark.rule("DV-03")
def test_of_two_answers_the_one_that_was_used_counts_and_the_other_ends(desk):
    desk.admit()
    desk.provision()
    desk.provision(at=NOW + MINUTE, certificate_id=certificate(2))
    assert desk.connect(2)
    assert desk.registry.active == {certificate(2)}
    assert not desk.connect(1)


@pytest.mark.rule("DV-05")
def test_one_that_is_live_comes_in_no_second_time(live):
    assert no(live.provision(certificate_id=certificate(2), key_digest="key-2"), "DV-02")
    assert no(live.admit(token="token-2"), "DV-05")
    assert live.registry.active == {certificate(1)}


@pytest.mark.rule("DV-05")
def test_one_that_never_connected_may_be_let_in_again_with_another_key(desk):
    desk.admit()
    desk.provision()
    later = NOW + timedelta(days=3)
    desk.admit(token="token-2", at=later)
    new = {"certificate_id": certificate(2), "key_digest": "key-2", "token": "token-2"}
    assert isinstance(desk.provision(at=later, **new), DeviceSerial)
    third = new | {"certificate_id": certificate(3)}
    assert isinstance(desk.provision(at=later + MINUTE, **third), DeviceSerial), "the same key"
    assert desk.connect(3, at=later)
    assert desk.registry.active == {certificate(3)}


@pytest.mark.rule("DV-05")
def test_a_site_has_one_gateway(desk):
    desk.admit()
    assert no(desk.admit("SN-2"), "DV-05")
    assert isinstance(desk.admit("SN-2", site="S-2"), DeviceSerial)
    assert no(desk.admit("SN-2", site="S-1"), "DV-05")


# ---------------------------------------------------------------------- how often
@pytest.mark.rule("DV-04")
def test_sixty_in_an_hour_by_a_claim_whatever_the_answers_and_then_none(desk):
    desk.admit()
    for place in range(60):
        assert no(desk.provision(token=f"guess-{place}"), "DV-02")
    assert no(desk.provision(), "DV-04"), "not even with the right token"
    told = len(desk.records.history("DEVICE-SN-1"))
    for _ in range(50):
        assert no(desk.provision(token="guess"), "DV-04")
    assert len(desk.records.history("DEVICE-SN-1")) == told, "a flood does not fill the log"
    assert [one.what for one in desk.records.history("DEVICE-CLAIMS")] == ["claim_over_rate"]
    assert isinstance(desk.provision(at=NOW + timedelta(hours=1)), DeviceSerial)


@pytest.mark.rule("DV-04")
def test_two_hundred_in_an_hour_by_all_claims(desk):
    desk.admit()
    for number in range(5):
        claim = ClaimCertificate(f"{number}" * 64, NOW, "ops", claim_end(NOW))
        desk.records.commit(Change(saves=(Save(claim),)))
        for _ in range(40):
            assert no(desk.provision(token="x", claim_id=claim.id), "DV-02")
    assert no(desk.provision(), "DV-04")
    assert hour_id("all", NOW) == "all/2026-06-08T13"


@pytest.mark.rule("DV-04")
@pytest.mark.rule("DV-10")
def test_a_claim_ends_and_a_new_one_can_end_the_others(desk):
    made, issued = make_claim(
        desk.records, desk.registry, request_pem=REQUEST, retire_others=True, at=NOW, by="ops"
    )
    assert made.ends_at - NOW == timedelta(days=90)
    assert desk.registry.active == {issued.id}
    desk.admit()
    assert no(desk.provision(), "DV-04"), "the claim before it was retired"
    at_end = made.ends_at
    desk.admit(at=at_end)
    assert no(desk.provision(claim_id=made.id, at=at_end), "DV-04")
    assert isinstance(desk.provision(claim_id=made.id, at=at_end - MINUTE), DeviceSerial)
    for _ in range(2):
        assert retire_claim(desk.records, desk.registry, claim_id=made.id, at=NOW, by="ops")
    assert desk.registry.active == {certificate(1)}


def test_a_claim_that_is_no_request_is_bad_input_and_an_unknown_one_is_not_found(desk):
    with pytest.raises(BadInput):
        make_claim(
            desk.records, desk.registry, request_pem="x", retire_others=False, at=NOW, by="ops"
        )
    with pytest.raises(NotFound):
        retire_claim(desk.records, desk.registry, claim_id="x", at=NOW, by="ops")


def test_two_devices_that_come_in_at_one_moment_both_count(desk):
    class Busy(MemoryRecords):
        """Somebody else counts first, three times."""

        def __init__(self, inner: MemoryRecords) -> None:
            self.inner, self.left = inner, 3

        def __getattr__(self, name):
            return getattr(self.inner, name)

        def load(self, kind, record_id):
            return self.inner.load(kind, record_id)

        def history(self, subject):
            return self.inner.history(subject)

        def commit(self, change):
            if self.left:
                self.left -= 1
                raise Conflict("somebody else")
            self.inner.commit(change)

    desk.admit()
    busy = Busy(desk.records)
    assert isinstance(provision(busy, wanting(), at=NOW), DeviceSerial)
    busy.left = 9
    with pytest.raises(Conflict):
        provision(busy, wanting(), at=NOW)


# ---------------------------------------------------------------------- renewing
@pytest.mark.rule("DV-06")
def test_the_old_certificate_works_until_the_new_one_was_used(live):
    assert isinstance(live.renew(2), DeviceSerial)
    assert live.registry.active == {certificate(1), certificate(2)}
    assert not live.connect(1), "power came back before the new one was on the disk"
    assert live.registry.active == {certificate(1), certificate(2)}
    assert live.connect(2)
    assert live.registry.active == {certificate(2)}
    assert not live.connect(2), "the same fact again changes nothing"
    assert isinstance(live.renew(3, current=2), DeviceSerial)


@pytest.mark.rule("DV-06")
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"current": 7}, id="with a certificate that is not its own"),
        pytest.param({"thing": "gw-2"}, id="in another gateway's name"),
        pytest.param({"serial": "SN-2"}, id="under another serial number"),
    ],
)
def test_nobody_renews_for_another(live, changes):
    assert no(live.renew(2, **changes), "DV-06")


@pytest.mark.rule("DV-06")
def test_it_is_not_renewed_with_one_that_ended_nor_after_its_own_end(live):
    live.renew(2)
    live.connect(2)
    assert no(live.renew(3, current=1), "DV-06")
    live.end()
    assert no(live.renew(3, current=2), "DV-06")


@pytest.mark.rule("DV-06")
def test_five_times_a_day(live):
    for number in range(2, 7):
        assert isinstance(live.renew(number), DeviceSerial), number
    assert no(live.renew(7), "DV-06")
    assert isinstance(live.renew(7, at=NOW + timedelta(days=1)), DeviceSerial)


@pytest.mark.rule("DV-11")
def test_the_last_ten_retired_certificates_stay_on_record(live):
    at = NOW
    for number in range(2, 20):
        at += timedelta(days=90)
        live.renew(number, current=number - 1, at=at)
        assert live.connect(number, at=at)
    states = [one.state for one in live.device().certificates]
    assert states == [CertificateState.RETIRED] * 10 + [CertificateState.IN_USE]
    assert live.registry.active == {certificate(19)}


# ---------------------------------------------------------------------- ending
@pytest.mark.rule("DV-09")
def test_one_that_is_decommissioned_neither_connects_nor_comes_in(live):
    live.renew(2)
    for _ in range(2):
        assert live.end().state is DeviceState.ENDED
    assert live.registry.active == set()
    assert live.registry.notes["gw-1"]["reason"] == "moved"
    assert no(live.provision(certificate_id=certificate(3), key_digest="key-3"), "DV-01")
    assert [one.what for one in live.records.history("GATEWAY-gw-1")] == ["device_decommissioned"]
    assert live.records.load(Site, "S-1").record == SITE, "the site and its readings stay"


@pytest.mark.rule("DV-09")
def test_what_an_earlier_try_left_is_made_inactive_by_the_next(live):
    over = live.device()
    live.end()
    live.registry.active.add(certificate(1))
    live.end()
    assert live.registry.active == set()
    assert over.state is DeviceState.LIVE


def test_the_token_of_one_that_is_decommissioned_is_dead(desk):
    desk.admit()
    desk.end()
    assert no(desk.provision(), "DV-01")
    assert isinstance(desk.admit(token="token-2"), DeviceSerial), "a person lets it in again"
    assert isinstance(desk.provision(token="token-2"), DeviceSerial)


def test_a_gateway_that_never_was_a_device_is_not_found(desk):
    with pytest.raises(NotFound, match="gw-1"):
        desk.end()


@pytest.mark.rule("DV-05")
@pytest.mark.rule("DV-09")
def test_a_replacement_is_the_same_gateway_under_another_serial_number(live):
    assert live.swap().replaces == "SN-1"
    assert live.registry.active == set()
    assert live.device().state is DeviceState.ENDED
    new = {"serial": "SN-2", "token": "token-2", "certificate_id": certificate(2)}
    assert isinstance(live.provision(**new, key_digest="key-2"), DeviceSerial)
    assert live.connect(2)
    assert live.device("SN-2").gateway_id == "gw-1"
    assert live.end().id == "SN-2"


def test_a_replacement_again_makes_another_token(live):
    live.swap()
    assert isinstance(live.swap(token="token-3"), DeviceSerial)
    assert no(live.provision(serial="SN-2", token="token-2"), "DV-02")
    assert isinstance(live.provision(serial="SN-2", token="token-3"), DeviceSerial)


def test_what_is_live_elsewhere_replaces_nothing(live):
    live.admit("SN-2", site="S-2", token="t")
    assert no(live.swap(), "DV-05")
    assert live.device().state is DeviceState.LIVE
    with pytest.raises(BadInput, match="the old one"):
        live.swap(new="SN-1")
    with pytest.raises(NotFound):
        live.swap(old="SN-9", new="SN-8")


# ---------------------------------------------------------------------- the door
@pytest.mark.parametrize("serial", ["", "a", "a" * 65, "a b", "../x", "ä12", "a\n12", "-ab", "#"])
def test_what_is_no_serial_number_is_bad_input(desk, serial):
    with pytest.raises(BadInput):
        desk.admit(serial)


@pytest.mark.parametrize("name", ["claim-x", "gw/1", "gw 1", "", "g" * 65, "gw+", "gw#"])
def test_a_gateway_that_no_thing_can_be_called_is_bad_input(desk, name):
    named = replace(SITE, id="S-3", gateway_id=name)
    desk.records.commit(Change(saves=(Save(named),)))
    with pytest.raises(BadInput, match="S-3"):
        desk.admit("SN-3", site="S-3")


EVENT = {
    "claimCertificateId": CLAIM, "certificateId": certificate(1), "clientId": "claim-SN-1",
    "templateArn": "arn:aws:iot:us-east-1:0:provisioningtemplate/x",
    "parameters": {"SerialNumber": "SN-1", "Token": "token-1", "ThingName": "gw-1"},
}  # fmt: skip
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=200),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=20), some),
    max_leaves=6,
)


def test_what_aws_hands_over_is_read():
    assert asked(EVENT, key_digest="key-1") == wanting()


@settings(max_examples=300, deadline=None)
@given(
    outer=st.dictionaries(st.sampled_from(sorted(EVENT)), JUNK, max_size=3),
    inner=st.dictionaries(st.sampled_from(["SerialNumber", "Token", "ThingName"]), JUNK),
)
def test_whatever_a_device_writes_is_read_or_bad_input_and_never_let_in(outer, inner):
    event = EVENT | {"parameters": EVENT["parameters"] | inner} | outer
    wanted = None
    with suppress(BadInput):
        wanted = asked(event, key_digest="key-1")
    if wanted is None:
        with pytest.raises(BadInput, match=r"\A[^\n]+\Z"):
            asked(event, key_digest="key-1")
        return
    desk = Desk()
    desk.admit()
    answer = provision(desk.records, wanted, at=NOW)
    assert isinstance(answer, Refused) or (
        (wanted.serial, wanted.token, wanted.thing, wanted.claim_id)
        == ("SN-1", "token-1", "gw-1", CLAIM)
    )


def test_the_process_tells_no_secret_in_any_event(live):
    live.swap(token="very-secret-token")
    texts = [one.says for log in live.records._history.values() for one in log]
    assert texts
    assert not any("secret" in text or "token-1" in text for text in texts)
    assert process.PROVISIONER == "provisioning"
