"""What is kept: tables, the bucket, keys and people, through a slip of the hand and a bad day."""

import json

from infra.rules.stack import TABLE, Stack, listed, names_in, plain

TRANSIENT = {
    "TelemetryTable": "days are measured within hours, and gateways send a week again",
    "IdempotencyTable": "an answer is kept for 72 hours",
    "SessionsTable": "who is signed in signs in again",
}
"""Tables that are not backed up, with the reason; each forgets by itself."""
GONE_WITH_THE_STACK = frozenset({"IdempotencyTable"})
BOOKS = ("ach/", "bank/out/", "remittances/")
"""Where the books' own files lie in the bucket."""
SEALS_NOTHING_KEPT = frozenset({"AlarmsKey"})


def table_can_be_put_back(stack: Stack) -> list[str]:
    """A table can be put back to any second of 35 days, or forgets by itself and may be lost.

    Source: Amazon DynamoDB developer guide, "Point-in-time backups for DynamoDB".
    """
    faults = []
    for name, table in stack.of(TABLE).items():
        kept = table.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled")
        forgets = table.get("TimeToLiveSpecification", {}).get("Enabled")
        if name in TRANSIENT and not forgets:
            faults.append(f"{name}: what may be lost does not expire")
        if name not in TRANSIENT and kept is not True:
            faults.append(f"{name}: PointInTimeRecoveryEnabled is not true")
    return faults


def table_is_sealed(stack: Stack) -> list[str]:
    """A table is sealed with a key whose use the account's trail shows.

    Source: Amazon DynamoDB developer guide, "DynamoDB encryption at rest".
    """
    return [
        f"{name}: SSEEnabled is not true"
        for name, table in stack.of(TABLE).items()
        if table.get("SSESpecification", {}).get("SSEEnabled") is not True
    ]


def what_is_kept_outlives_the_stack(stack: Stack) -> list[str]:
    """Tables, buckets and sealing keys stay when the stack or its place in it goes.

    Source: AWS CloudFormation user guide, "DeletionPolicy attribute", "UpdateReplacePolicy
    attribute".
    """
    kinds = (TABLE, "AWS::S3::Bucket", "AWS::KMS::Key")
    return [
        f"{name}: {policy} is not Retain"
        for name, resource in stack.resources.items()
        if resource["Type"] in kinds and name not in GONE_WITH_THE_STACK | SEALS_NOTHING_KEPT
        for policy in ("DeletionPolicy", "UpdateReplacePolicy")
        if resource.get(policy) != "Retain"
    ]


def prod_is_not_deleted_by_a_slip(stack: Stack) -> list[str]:
    """In prod, a table and the pool of people refuse to be deleted until somebody says so first.

    Source: Amazon DynamoDB developer guide, "Using deletion protection"; Amazon Cognito developer
    guide, "User pool deletion protection".
    """
    wanted: dict[str, tuple[str, object]] = {TABLE: ("DeletionProtectionEnabled", True)}
    wanted |= {"AWS::Cognito::UserPool": ("DeletionProtection", "ACTIVE")}
    return [
        f"{name}: {place} is not on in prod"
        for kind, (place, value) in wanted.items()
        for name, properties in stack.of(kind).items()
        if name not in GONE_WITH_THE_STACK | set(TRANSIENT) - {"TelemetryTable"}
        and properties.get(place) != value
        and not plain(properties.get(place)).startswith(
            f'{{"Fn::If": ["IsProd", {json.dumps(value)},'
        )
    ]


def expiry_is_no_key(stack: Stack) -> list[str]:
    """The attribute by which rows expire is no part of a key.

    Source: Amazon DynamoDB developer guide, "Using time to live (TTL) in DynamoDB".
    """
    return [
        f"{name}: rows expire by {expiry}, a part of the key"
        for name, table in stack.of(TABLE).items()
        if (expiry := table.get("TimeToLiveSpecification", {}).get("AttributeName"))
        in {key["AttributeName"] for key in table["KeySchema"]}
    ]


def index_gives_whole_records(stack: Stack) -> list[str]:
    """An index carries the whole record: records are read from it and decoded.

    Source: Amazon DynamoDB developer guide, "Using Global Secondary Indexes", Attribute
    projections.
    """
    return [
        f"{name}: index {index['IndexName']} does not carry whole records"
        for name, table in stack.of(TABLE).items()
        for index in table.get("GlobalSecondaryIndexes", [])
        if index.get("Projection", {}).get("ProjectionType") != "ALL"
    ]


def bucket_is_closed_and_sealed(stack: Stack) -> list[str]:
    """A bucket is not public in any way, is sealed, and keeps versions.

    Source: Amazon S3 user guide, "Blocking public access to your Amazon S3 storage"; "Security best
    practices for Amazon S3".
    """
    blocks = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    faults = []
    for name, bucket in stack.of("AWS::S3::Bucket").items():
        closed = bucket.get("PublicAccessBlockConfiguration", {})
        faults += [
            f"{name}: {block} is not true" for block in blocks if closed.get(block) is not True
        ]
        if "aws:kms" not in plain(bucket.get("BucketEncryption", {})):
            faults.append(f"{name}: it is not sealed with a key")
        if bucket.get("VersioningConfiguration", {}).get("Status") != "Enabled":
            faults.append(f"{name}: it keeps no versions")
        if "AccessControl" in bucket:
            faults.append(f"{name}: it has an access control list")
    return faults


def bucket_is_reached_by_tls_only(stack: Stack) -> list[str]:
    """A bucket refuses what comes without TLS.

    Source: Amazon S3 user guide, "Security best practices for Amazon S3", Enforce encryption of
    data in transit; Security Hub S3.5.
    """
    faults = []
    for name in stack.of("AWS::S3::Bucket"):
        told = [
            plain(policy["PolicyDocument"])
            for policy in stack.of("AWS::S3::BucketPolicy").values()
            if name in names_in(policy["Bucket"])
        ]
        if not any('"Deny"' in one and '"aws:SecureTransport": "false"' in one for one in told):
            faults.append(f"{name}: its policy lets requests in without TLS")
    return faults


def books_are_not_deleted(stack: Stack) -> list[str]:
    """Bank files and advices never expire, and the bucket's policy lets nobody delete them.

    Source: Amazon S3 user guide, "Managing the lifecycle of objects"; decision 0030.
    """
    faults = []
    for name, bucket in stack.of("AWS::S3::Bucket").items():
        for rule in bucket.get("LifecycleConfiguration", {}).get("Rules", []):
            ends = {"ExpirationInDays", "NoncurrentVersionExpiration"} & set(rule)
            reach = str(rule.get("Prefix", ""))
            if ends and any(book.startswith(reach) or reach.startswith(book) for book in BOOKS):
                faults.append(f"{name}: rule {rule.get('Id')} lets the books expire")
        denied = [
            resource
            for policy in stack.of("AWS::S3::BucketPolicy").values()
            for statement in listed(policy["PolicyDocument"]["Statement"])
            if statement["Effect"] == "Deny"
            and {"s3:DeleteObject", "s3:DeleteObjectVersion"} <= set(listed(statement["Action"]))
            for resource in listed(statement["Resource"])
        ]
        faults += [
            f"{name}: {book} may be deleted"
            for book in BOOKS
            if f"${{{name}.Arn}}/{book}*" not in plain(denied)
        ]
    return faults


def broken_uploads_end(stack: Stack) -> list[str]:
    """The parts of an upload that was broken off are removed.

    Source: Amazon S3 user guide, "Configuring a bucket lifecycle configuration to delete incomplete
    multipart uploads". Nobody sees them, and they are paid for.
    """
    return [
        f"{name}: no lifecycle rule has AbortIncompleteMultipartUpload for all of it"
        for name, bucket in stack.of("AWS::S3::Bucket").items()
        if not any(
            "AbortIncompleteMultipartUpload" in rule and not rule.get("Prefix")
            for rule in bucket.get("LifecycleConfiguration", {}).get("Rules", [])
        )
    ]


def key_is_renewed(stack: Stack) -> list[str]:
    """A key that seals gets new material every year.

    Source: AWS KMS developer guide, "Rotate AWS KMS keys": keys for codes (HMAC) cannot.
    """
    return [
        f"{name}: EnableKeyRotation is not true"
        for name, key in stack.of("AWS::KMS::Key").items()
        if not str(key.get("KeySpec", "")).startswith("HMAC")
        and key.get("EnableKeyRotation") is not True
    ]


def who_cares_for_a_key_cannot_open(stack: Stack) -> list[str]:
    """A key's policy lets the account open by it for its purpose only, and not with `kms:*`.

    Source: AWS KMS developer guide, "Default key policy", Allows access to the AWS account.
    """
    using = {
        "kms:Decrypt",
        "kms:Encrypt",
        "kms:GenerateDataKey",
        "kms:GenerateMac",
        "kms:CreateGrant",
    }
    faults = []
    for name, key in stack.of("AWS::KMS::Key").items():
        for statement in listed(key.get("KeyPolicy", {}).get("Statement")):
            actions = set(listed(statement.get("Action")))
            is_account = "AWS" in statement.get("Principal", {})
            if is_account and "kms:*" in actions:
                faults.append(f"{name}: the account may do everything with it")
            if is_account and actions & using and not statement.get("Condition"):
                faults.append(f"{name}: {sorted(actions & using)} is bound to no purpose")
    return faults


def people_have_a_second_factor(stack: Stack) -> list[str]:
    """Nobody makes an account for himself, and everybody has a second factor and a long password.

    Source: Amazon Cognito developer guide, "Security best practices for Amazon Cognito user pools".
    """
    faults = []
    for name, pool in stack.of("AWS::Cognito::UserPool").items():
        if pool.get("MfaConfiguration") != "ON":
            faults.append(f"{name}: MfaConfiguration is not ON")
        if pool.get("AdminCreateUserConfig", {}).get("AllowAdminCreateUserOnly") is not True:
            faults.append(f"{name}: anybody may sign up")
        if int(pool.get("Policies", {}).get("PasswordPolicy", {}).get("MinimumLength", 8)) < 12:
            faults.append(f"{name}: passwords may be shorter than 12")
    for name, client in stack.of("AWS::Cognito::UserPoolClient").items():
        if client.get("PreventUserExistenceErrors") != "ENABLED":
            faults.append(f"{name}: it tells strangers who has an account")
    return faults


RULES = (
    table_can_be_put_back,
    table_is_sealed,
    what_is_kept_outlives_the_stack,
    prod_is_not_deleted_by_a_slip,
    expiry_is_no_key,
    index_gives_whole_records,
    bucket_is_closed_and_sealed,
    bucket_is_reached_by_tls_only,
    books_are_not_deleted,
    broken_uploads_end,
    key_is_renewed,
    who_cares_for_a_key_cannot_open,
    people_have_a_second_factor,
)
