"""A fault that a whole kind of device has, told from the sweep."""

from dataclasses import replace

import pytest
from detection_street import CLEAR_WH, OPERATIONS, REGION, Street, at

from cloud.detection.models import RegionKinds
from cloud.kernel.change import Change
from cloud.portfolio.models import Site

DROPS_ON = 3


def street(*, ill: int, homes: int = 16, until: int = 99) -> Street:
    """The first homes have another inverter, which loses a fifth on one day, all at once."""
    street = Street(
        homes=homes,
        made=lambda home, day: 32_000 if home < ill and DROPS_ON <= day < until else CLEAR_WH,
    )
    for home in range(ill):
        stored = street.records.load(Site, f"site-{home}")
        assert stored is not None
        other = replace(stored.record, manufacturer="Other Maker", inverter_model="X1")
        street.records.commit(Change(saves=(stored.replaced_by(other),)))
    return street


def notices(street: Street) -> list[str]:
    return [event.says for event in street.records.history(f"SWEEP-{REGION}")]


@pytest.mark.rule("D-79")
def test_a_kind_that_loses_a_fifth_at_once_is_told_of_once():
    others = street(ill=10)
    others.live_until(at(DROPS_ON + 4))
    assert notices(others)[0] == (
        "10 sites with Other Maker X1 make 80% of 6 others, as far as their middle goes"
    )
    letters = [one for one in others.records.letters.values() if "Other Maker" in one.subject]
    assert [one.to for one in letters] == [OPERATIONS]
    assert [one.at for one in letters] == [at(DROPS_ON + 1, 5)]


@pytest.mark.rule("D-79")
def test_a_kind_of_too_few_sites_is_nothing_to_be_told_of():
    few = street(ill=4)
    few.live_until(at(DROPS_ON + 2))
    assert notices(few) == []


@pytest.mark.rule("D-79")
def test_a_kind_that_is_well_again_is_forgotten_and_told_of_anew():
    again = street(ill=10, until=DROPS_ON + 1)
    again.live_until(at(DROPS_ON + 2, 6))
    stored = again.records.load(RegionKinds, REGION)
    assert stored is not None
    assert stored.record.kinds == ()


@pytest.mark.rule("D-79")
def test_a_street_of_one_kind_under_clouds_is_not_told_of():
    """Without others and without a feed nobody knows a loss from the weather."""
    street = Street(homes=10, made=lambda home, day: 24_000 if day >= 2 else CLEAR_WH)
    street.live_until(at(5))
    assert notices(street) == []
