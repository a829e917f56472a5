"""The tables of records, and the chart of what is kept where and found by what.

    table        what                                    key                     found by
    sites        Site, Partner, Project, ApiClient,      KIND#id                 the chart below
                 what detection remembers of a site
    operations   Case, WorkOrder, Invoice, ...           KIND#id                 the chart below,
                                                                                 latest (sparse),
                                                                                 due (who waits)
                 the event log                           LOG#subject, at#hash    subject
                 letters and messages (outbox)           OUT#KIND#id             due (sparse)
                 timers                                  TIMER#id                due (sparse)
    money        runs, plans, ledger, payables, ...      KIND#id                 the chart below

Each table has the same shape: the record as JSON in `body`, its `version` for conditional writes,
up to three lookups, each a sparse index of its own, and a sparse index of what is due. Piles that
grow for ever are listed by time in another one (`cloud.adapters.chart.LISTED`). Few kinds
carry a `ttl`, after which DynamoDB deletes them (`cloud.adapters.chart.EXPIRING`). The chunks
of telemetry have their own table (cloud/adapters/chunks.py), powertools has its own as well.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Self

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model

DUE_SHARDS = 4
"""How many partitions the due rows are spread over; each sweep asks all of them."""


_READ: Mapping[str, Callable[[str], Any]] = {"S": str, "N": json.loads}
"""How what DynamoDB sends is read, by its sort; a row has texts and numbers only."""
_WHERE_NOTHING_STANDS = {"sk": "-", "version": 0, "shape": 1, "attempts": 0}
"""What a row says where the item says nothing: the defaults below."""


class Row(Model):
    """One item of any of the three tables."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="-")
    kind = UnicodeAttribute()
    version = NumberAttribute(default=0)
    shape = NumberAttribute(default=1)
    body = UnicodeAttribute()
    lookup_1 = UnicodeAttribute(null=True)
    lookup_2 = UnicodeAttribute(null=True)
    lookup_3 = UnicodeAttribute(null=True)
    due_shard = UnicodeAttribute(null=True)
    due_at = UnicodeAttribute(null=True)
    listed = UnicodeAttribute(null=True)
    listed_at = UnicodeAttribute(null=True)
    attempts = NumberAttribute(default=0)
    done_at = UnicodeAttribute(null=True)
    ttl = NumberAttribute(null=True)

    @classmethod
    def from_raw_data(cls, data: Mapping[str, Mapping[str, Any]]) -> Self:
        """Give a row as it was read.

        The attributes are texts and numbers under their own names, so that nothing is to be looked
        up for each of them: pynamodb's own way takes several times as long, on every row of every
        page.
        """
        row = cls.__new__(cls)
        told = {
            name: _READ[sort](value)
            for name, one in data.items()
            for sort, value in one.items()
            if sort in _READ
        }
        row.attribute_values = {**_WHERE_NOTHING_STANDS, **told}
        return row


class _Lookup1(GlobalSecondaryIndex[Row]):
    class Meta:
        index_name = "lookup_1"
        projection = AllProjection()

    lookup_1 = UnicodeAttribute(hash_key=True)
    pk = UnicodeAttribute(range_key=True)


class _Lookup2(GlobalSecondaryIndex[Row]):
    class Meta:
        index_name = "lookup_2"
        projection = AllProjection()

    lookup_2 = UnicodeAttribute(hash_key=True)
    pk = UnicodeAttribute(range_key=True)


class _Lookup3(GlobalSecondaryIndex[Row]):
    class Meta:
        index_name = "lookup_3"
        projection = AllProjection()

    lookup_3 = UnicodeAttribute(hash_key=True)
    pk = UnicodeAttribute(range_key=True)


class _Due(GlobalSecondaryIndex[Row]):
    class Meta:
        index_name = "due"
        projection = AllProjection()

    due_shard = UnicodeAttribute(hash_key=True)
    due_at = UnicodeAttribute(range_key=True)


class _Listed(GlobalSecondaryIndex[Row]):
    class Meta:
        index_name = "listed"
        projection = AllProjection()

    listed = UnicodeAttribute(hash_key=True)
    listed_at = UnicodeAttribute(range_key=True)


class SitesRow(Row):
    """An item of the sites table."""

    class Meta:
        table_name = "sites"

    by_1, by_2, by_3 = _Lookup1(), _Lookup2(), _Lookup3()


class OperationsRow(Row):
    """An item of the operations table."""

    class Meta:
        table_name = "operations"

    by_1, by_2, by_3, due = _Lookup1(), _Lookup2(), _Lookup3(), _Due()
    latest = _Listed()


class MoneyRow(Row):
    """An item of the money table."""

    class Meta:
        table_name = "money"

    by_1, by_2, by_3 = _Lookup1(), _Lookup2(), _Lookup3()


def bind(table: type[Row], name: str, connection: Connection) -> None:
    """Say which real table a model stands for, and let it share a connection.

    By itself pynamodb opens a botocore client for each table, at a tenth of a second each: on
    Lambda that is cold start. The name comes from the function's environment.
    """
    meta: Any = table.Meta
    meta.table_name = name
    own = table._get_connection()
    if own.connection is not connection:
        with suppress(ValueError):  # known to it already, by an earlier binding to that name
            connection.add_meta_table(own.get_meta_table())
        own.connection = connection


Chart = Mapping[str, tuple[type[Row], tuple[str, ...]]]
"""Stage and class of a record -> its table, and what it is found by (at most three)."""
