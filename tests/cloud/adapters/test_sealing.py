"""A store that seals what is new and opens nothing, beside one that holds the key."""

from dataclasses import replace
from datetime import timedelta

import boto3
import pytest
from record_examples import example

from cloud.adapters import wiring
from cloud.adapters.sealing import Sealer
from cloud.kernel.change import Change, Save
from cloud.kernel.errors import BrokenInvariant
from cloud.kernel.secret import Secret
from cloud.portfolio import process
from cloud.portfolio.models import Partner
from cloud.portfolio.papers import BankChange, DocumentKind, DocumentState, PartnerDocument
from tests.cloud.portfolio.test_portfolio import NOW, PARTNER

ROUTING, ACCOUNT = "011401533", "555666777888"


@pytest.fixture
def sealing(dynamo):
    """The records as whoever may seal has them."""
    environment = dict(dynamo)
    environment["SEALING_KEY"] = environment.pop("SECRETS_KEY")
    return wiring.records(environment)


@pytest.fixture
def opening(dynamo):
    """The records as whoever pays has them."""
    return wiring.records(dynamo)


def test_what_is_typed_in_goes_one_way(sealing, opening):
    sealing.commit(Change(saves=(Save(replace(example(BankChange), id="one")),)))
    locked = sealing.load(BankChange, "one")
    assert (locked.record.account_number.is_locked, locked.record.account_number.last4) == (
        True,
        "6787",
    )
    with pytest.raises(BrokenInvariant, match="locked"):
        _ = locked.record.account_number.value
    sealing.commit(Change(saves=(locked.replaced_by(replace(locked.record, because="x")),)))
    opened = opening.load(BankChange, "one").record
    assert (opened.account_number.value, opened.because) == ("000123456787", "x")


def test_what_is_locked_moves_nowhere_by_who_only_seals(sealing, opening):
    opening.commit(Change(saves=(Save(replace(example(Partner), id="one")),)))
    partner = sealing.load(Partner, "one").record
    with pytest.raises(BrokenInvariant, match="locked"):
        sealing.commit(Change(saves=(Save(replace(partner, id="two")),)))


def test_a_change_that_one_asks_for_is_applied_by_the_other(sealing, opening):
    paper = PartnerDocument(
        "D",
        PARTNER.id,
        DocumentKind.BANK_AUTHORIZATION,
        "evidence/x.pdf",
        NOW,
        "x",
        state=DocumentState.WAITING,
    )
    opening.commit(Change(saves=(Save(PARTNER), Save(paper))))
    facts = {
        "partner_id": PARTNER.id,
        "routing_number": ROUTING,
        "authorization_id": "D",
        "by": "ana",
    }
    change = process.ask_bank_change(sealing, account_number=Secret(ACCOUNT), at=NOW, **facts)
    again = process.ask_bank_change(sealing, account_number=Secret(ACCOUNT), at=NOW, **facts)
    assert again.code == "change_waits", "what lies sealed cannot be compared"
    opened = process.ask_bank_change(opening, account_number=Secret(ACCOUNT), at=NOW, **facts)
    assert (opened.id, opened.account_number.last4) == (change.id, "7888")
    process.agree_bank_change(sealing, change_id=change.id, at=NOW, by="bob")
    later = NOW + timedelta(hours=72)
    with pytest.raises(BrokenInvariant, match="locked"):
        process.apply_bank_change(sealing, change_id=change.id, at=later)
    process.apply_bank_change(opening, change_id=change.id, at=later)
    assert opening.load(Partner, PARTNER.id).record.account_number.value == ACCOUNT
    assert sealing.load(Partner, PARTNER.id).record.account_number.is_locked


def test_without_either_key_nothing_new_is_stored(dynamo):
    environment = {name: value for name, value in dynamo.items() if name != "SECRETS_KEY"}
    assert wiring.sealer(environment) is None
    with pytest.raises(BrokenInvariant, match="the key to seal it is not here"):
        wiring.records(environment).commit(Change(saves=(Save(PARTNER),)))


class Counting:
    """The client of KMS, which counts what it is asked."""

    def __init__(self, client):
        self.client, self.asked = client, []

    def __getattr__(self, name):
        self.asked.append(name)
        return getattr(self.client, name)


def test_kms_is_asked_to_make_keys_and_never_to_open_one(dynamo):
    kms = Counting(boto3.client("kms", region_name="us-east-1"))
    sealer = Sealer(kms, dynamo["SECRETS_KEY"], clock=wiring.clock())
    assert kms.asked == []
    context = {"record": "Partner#one", "last4": "7888"}
    sealed = [sealer.seal(ACCOUNT, context=context) for _ in range(2)]
    assert kms.asked == ["generate_data_key"] * 2
    vault = wiring.vault(dynamo)
    assert [vault.open(one, context=context) for one in sealed] == [ACCOUNT] * 2
