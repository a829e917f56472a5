"""A row is read as pynamodb would read it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynamodb.models import Model

from cloud.adapters.tables import MoneyRow, OperationsRow, Row, SitesRow

TEXTS = ("pk", "sk", "kind", "body", "lookup_1", "due_at", "listed", "listed_at", "done_at")
NUMBERS = ("version", "shape", "attempts", "ttl")
ITEMS = st.fixed_dictionaries(
    {name: st.text().map(lambda one: {"S": one}) for name in ("pk", "kind", "body")},
    optional={
        **{
            name: st.text().map(lambda one: {"S": one})
            for name in TEXTS
            if name not in {"pk", "kind", "body"}
        },
        **{name: st.integers().map(lambda one: {"N": str(one)}) for name in NUMBERS},
        "lookup_2": st.just({"NULL": True}),
        "of_a_later_release": st.just({"S": "x"}),
    },
)


@pytest.mark.parametrize("table", [SitesRow, OperationsRow, MoneyRow])
@given(item=ITEMS)
def test_every_attribute_is_what_pynamodb_reads(table, item):
    read = table.from_raw_data(item)
    slowly = Model.from_raw_data.__func__(table, item)
    assert type(read) is table
    for name in Row.get_attributes():
        assert getattr(read, name) == getattr(slowly, name), name
    assert read.serialize() == slowly.serialize()
