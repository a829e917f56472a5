"""The tables that the tests use."""


def definition(name="things", *, sort="S", ttl=None, **kinds):
    """A table with pk and sk, and an index for each projection."""
    attributes = {"pk": "S", "sk": sort, "owner": "S", "due": "N", **kinds}
    made = {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": attribute, "AttributeType": kind}
            for attribute, kind in attributes.items()
        ],
        "KeySchema": _schema("pk", "sk"),
        "GlobalSecondaryIndexes": [
            index("by-owner", "owner", "due"),
            index("keys-only", "owner", projection={"ProjectionType": "KEYS_ONLY"}),
            index(
                "some",
                "owner",
                projection={"ProjectionType": "INCLUDE", "NonKeyAttributes": ["extra"]},
            ),
        ],
    }
    if ttl is not None:
        made["TimeToLiveSpecification"] = {"AttributeName": ttl, "Enabled": True}
    return made


def index(name, *keys, projection=None):
    return {
        "IndexName": name,
        "KeySchema": _schema(*keys),
        "Projection": projection or {"ProjectionType": "ALL"},
    }


def simple(name="simple", kind="S"):
    """A table with nothing but a hash key."""
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": kind}],
        "KeySchema": _schema("pk"),
    }


def _schema(*names):
    return [
        {"AttributeName": name, "KeyType": role}
        for name, role in zip(names, ("HASH", "RANGE"), strict=False)
    ]
