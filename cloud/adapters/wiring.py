"""Makes the ports real, each from the environment variables that name its outside thing.

A function asks for what it needs when its module is imported, and for nothing else: what it does
not ask for, its role need not allow. A variable that is missing is a `KeyError` with its name.
"""

from collections.abc import Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from pynamodb.connection import Connection

from cloud.adapters.bank_drop import S3Drop
from cloud.adapters.chart import CHART
from cloud.adapters.chunks import DynamoChunks
from cloud.adapters.clock import CurrentClock
from cloud.adapters.codec import Codec, Seals
from cloud.adapters.documents import S3Documents
from cloud.adapters.downlink import IotDownlink
from cloud.adapters.mail import SesMail
from cloud.adapters.metrics import Metrics
from cloud.adapters.outbox import DynamoOutbox
from cloud.adapters.queues import SqsQueues
from cloud.adapters.records import DynamoRecords
from cloud.adapters.sealing import Sealer
from cloud.adapters.signatures import KmsSignatures
from cloud.adapters.tables import MoneyRow, OperationsRow, SitesRow, bind
from cloud.adapters.tellings import DynamoTellings
from cloud.kernel.clock import Clock

if TYPE_CHECKING:
    from cloud.adapters.api_certificate import AcmCertificate
    from cloud.adapters.buckets import DynamoBuckets
    from cloud.adapters.dead_letters import SqsDeadLetters
    from cloud.adapters.device_registry import IotDeviceRegistry
    from cloud.adapters.sessions import DynamoSessions
    from cloud.adapters.sign_in import SignIn
    from cloud.adapters.staff import CognitoStaff
    from cloud.adapters.tokens import Tokens
    from cloud.adapters.webhooks import HttpsPoster
    from cloud.funding.ports import Bank
    from cloud.service.uploads import Outside

Environment = Mapping[str, str]


class _Later:
    """A client that is made when it is first used: many invocations use only one of several."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __getattr__(self, name: str) -> Any:
        return getattr(_client(self._service), name)


@cache
def _client(service: str) -> Any:
    # What lies encrypted under KMS is only shown to a signature of version 4; left to itself boto3
    # presigns S3's URLs with version 2 in one region.
    config = Config(signature_version="s3v4") if service == "s3" else None
    return boto3.client(service, config=config)


@cache
def _connection() -> Connection:
    return Connection()


def forget() -> None:
    """Let go of all connections; for tests that put another AWS behind them."""
    _client.cache_clear()
    _connection.cache_clear()


def clock() -> Clock:
    """Give the clock that functions run by."""
    return CurrentClock()


def records(environment: Environment, counted_by: Metrics | None = None) -> DynamoRecords:
    """Give the records of the tables that the environment names; the others are out of reach.

    What is committed is counted by the metrics that are given.
    """
    bind(OperationsRow, environment["OPERATIONS_TABLE"], _connection())
    for table, variable in ((SitesRow, "SITES_TABLE"), (MoneyRow, "MONEY_TABLE")):
        if variable in environment:
            bind(table, environment[variable], _connection())
    codec = Codec(vault(environment), sealer(environment))
    heard = counted_by.hear if counted_by is not None else None
    return DynamoRecords(CHART, _connection(), codec, heard=heard)


def money_records(environment: Environment) -> DynamoRecords:
    """Give the records of the money table alone, for a function that anybody may call."""
    bind(MoneyRow, environment["MONEY_TABLE"], _connection())
    return DynamoRecords(CHART, _connection(), Codec(None, None))


def watched_records(environment: Environment) -> DynamoRecords:
    """Give the records of sites and money, for a function that only looks; secrets are locked."""
    bind(SitesRow, environment["SITES_TABLE"], _connection())
    bind(MoneyRow, environment["MONEY_TABLE"], _connection())
    return DynamoRecords(CHART, _connection(), Codec(None, None))


def metrics(environment: Environment) -> Metrics:
    """Give what counts for this stage of the stack, into the log of whose module asks.

    A template without stages, as some are on one machine, counts for `none`.
    """
    return Metrics(environment.get("STAGE", "none"))


def dead_letters(environment: Environment) -> "SqsDeadLetters":
    """Give the queues in which lies what failed for good."""
    from cloud.adapters.dead_letters import SqsDeadLetters  # noqa: PLC0415 - one function counts

    return SqsDeadLetters(_Later("sqs"), environment["DEAD_LETTER_URLS"].split(","))


def api_certificate(environment: Environment) -> "AcmCertificate":
    """Give the certificate of the API's own name; without a name there is none."""
    from cloud.adapters.api_certificate import AcmCertificate  # noqa: PLC0415 - one function asks

    return AcmCertificate(_Later("acm"), environment["API_CERTIFICATE"])


def vault(environment: Environment) -> Seals | None:
    """Give the key of the secrets, None where the environment names none: there they are locked."""
    if "SECRETS_KEY" not in environment:
        return None
    # Only who pays needs it, and its library takes longer to import than all the rest of us.
    from cloud.adapters.vault import Vault  # noqa: PLC0415

    return Vault(_Later("kms"), environment["SECRETS_KEY"], clock=clock())


def sealer(environment: Environment) -> Sealer | None:
    """Give what seals new secrets where none may be opened, None where nobody gives any.

    Its role is allowed to have data keys made, and not to have them opened.
    """
    if "SEALING_KEY" not in environment:
        return None
    return Sealer(_Later("kms"), environment["SEALING_KEY"], clock=clock())


def signatures(environment: Environment) -> KmsSignatures:
    """Give the key that signs what comes back to us."""
    return KmsSignatures(_Later("kms"), environment["SIGNING_KEY"])


def outbox(environment: Environment) -> DynamoOutbox:
    """Give the rows of the operations table that are due."""
    bind(OperationsRow, environment["OPERATIONS_TABLE"], _connection())
    return DynamoOutbox()


def tellings(environment: Environment) -> DynamoTellings:
    """Give the entries of the log that partners are still to be told of."""
    bind(OperationsRow, environment["OPERATIONS_TABLE"], _connection())
    return DynamoTellings()


def webhook_sealer(environment: Environment) -> Sealer:
    """Give what seals the secrets that webhooks are signed with; it opens none."""
    return Sealer(_Later("kms"), environment["WEBHOOK_SEALING_KEY"], clock=clock())


def webhook_secrets(environment: Environment) -> Seals:
    """Give what opens the secrets that webhooks are signed with, and nothing else."""
    from cloud.adapters.vault import Vault  # noqa: PLC0415 - only who signs needs its library

    return Vault(_Later("kms"), environment["WEBHOOK_KEY"], clock=clock())


def to_loopback(environment: Environment) -> bool:
    """Tell whether webhooks may go to programs on this machine; on AWS the template says no."""
    return environment["WEBHOOKS_TO_LOOPBACK"] == "yes"


def poster(environment: Environment) -> "HttpsPoster":
    """Give the way to partners' endpoints."""
    from cloud.adapters.webhooks import HttpsPoster  # noqa: PLC0415 - for the one who delivers

    return HttpsPoster(clock=clock(), to_loopback=to_loopback(environment))


def chunks(environment: Environment) -> DynamoChunks:
    """Give the chunks of telemetry."""
    # pynamodb has a client already, and a second one takes as long to make as the first.
    return DynamoChunks(_connection().client, environment["TELEMETRY_TABLE"])


def buckets(environment: Environment) -> "DynamoBuckets":
    """Give the counts of what programs call."""
    # Only what programs call needs it, and the rules about them with it.
    from cloud.adapters.buckets import DynamoBuckets  # noqa: PLC0415

    return DynamoBuckets(_connection().client, environment["IDEMPOTENCY_TABLE"])


def staff(environment: Environment) -> "CognitoStaff":
    """Give who the owner's people are, as the user pool knows them."""
    # Only what is sent in a person's name asks for it.
    from cloud.adapters.staff import CognitoStaff  # noqa: PLC0415

    return CognitoStaff(_Later("cognito-idp"), environment["PEOPLE_POOL"])


def downlink() -> IotDownlink:
    """Give the way down to gateways."""
    return IotDownlink(_Later("iot-data"))


def device_registry(environment: Environment) -> "IotDeviceRegistry":
    """Give the things and certificates of devices."""
    # Only who lets devices in, or ends them, asks for it.
    from cloud.adapters.device_registry import IotDeviceRegistry  # noqa: PLC0415

    return IotDeviceRegistry(_Later("iot"), environment["CLAIM_POLICY"])


def documents(environment: Environment) -> S3Documents:
    """Give the document store."""
    return S3Documents(_Later("s3"), environment["DOCUMENTS_BUCKET"])


def bank(environment: Environment) -> "Bank":
    """Give where the bank takes its files from: its own server, where the environment has one."""
    secret = environment.get("BANK_SFTP_SECRET")
    if secret:
        # Its library takes longer to import than all the rest, and only who has a server needs it.
        from cloud.adapters.bank_sftp import SftpDrop, server_in  # noqa: PLC0415

        return SftpDrop(partial(server_in, _Later("secretsmanager"), secret))
    return S3Drop(_Later("s3"), environment["DOCUMENTS_BUCKET"])


def uploads(environment: Environment) -> "Outside":
    """Give what files of partners need: the quarantine, the document store, who looks into them."""
    # Only who takes files needs them, and the rules about files with them.
    from cloud.adapters.inspection import FileInspector  # noqa: PLC0415
    from cloud.adapters.upload_desk import S3UploadDesk  # noqa: PLC0415
    from cloud.service.uploads import Outside  # noqa: PLC0415

    return Outside(
        desk=S3UploadDesk(_Later("s3"), environment["DOCUMENTS_BUCKET"]),
        documents=documents(environment),
        inspector=FileInspector(),
    )


def mail(environment: Environment) -> SesMail:
    """Give the mail that leaves."""
    return SesMail(
        _Later("sesv2"),
        sender=environment["MAIL_FROM"],
        documents=documents(environment),
        signatures=signatures(environment),
        configuration_set=environment["MAIL_EVENTS"],
    )


TOPICS = {
    "sweep_shard": "SHARDS_QUEUE_URL",
    "sweep_region": "REGIONS_QUEUE_URL",
    "finding": "FINDINGS_QUEUE_URL",
    "recovery": "FINDINGS_QUEUE_URL",
    "help_request": "FINDINGS_QUEUE_URL",
    "mail_release": "MAILS_QUEUE_URL",
    "milestone": "ACCRUALS_QUEUE_URL",
    "milestone_revoked": "ACCRUALS_QUEUE_URL",
    "project_cancelled": "ACCRUALS_QUEUE_URL",
    "project_registered": "ACCRUALS_QUEUE_URL",
    "payable": "ACCRUALS_QUEUE_URL",
    "offset": "ACCRUALS_QUEUE_URL",
    "withdrawal": "ACCRUALS_QUEUE_URL",
    "paid": "SETTLEMENTS_QUEUE_URL",
    "payment_returned": "SETTLEMENTS_QUEUE_URL",
    "offset_taken": "SETTLEMENTS_QUEUE_URL",
    "withdrawn": "SETTLEMENTS_QUEUE_URL",
    "cause_found": "SETTLEMENTS_QUEUE_URL",
    "run_prepare": "RUNS_QUEUE_URL",
    "run_approved": "RUNS_QUEUE_URL",
    "run_open": "RUNS_QUEUE_URL",
    "run_send": "RUNS_QUEUE_URL",
    "books_check": "RUNS_QUEUE_URL",
    "bank_file": "RUNS_QUEUE_URL",
    "reversal_wanted": "RUNS_QUEUE_URL",
    "bank_change_due": "RUNS_QUEUE_URL",
    "export_wanted": "EXPORTS_QUEUE_URL",
    "webhook_due": "WEBHOOKS_QUEUE_URL",
    "report_due": "REPORTS_QUEUE_URL",
}
"""Topic of a message -> the variable that names its queue."""


def sessions(environment: Environment) -> "DynamoSessions":
    """Give who is signed in to our pages."""
    # Only pages have sessions; their client is the one that the records have anyway.
    from cloud.adapters.sessions import DynamoSessions  # noqa: PLC0415

    return DynamoSessions(_connection().client, environment["SESSIONS_TABLE"])


def sign_in(environment: Environment) -> "SignIn":
    """Give the pool's pages, where people sign in."""
    from cloud.adapters.sign_in import SignIn  # noqa: PLC0415

    issuer = environment["TOKEN_ISSUER"]

    @cache
    def tokens() -> "Tokens":
        from cloud.adapters.tokens import Tokens  # noqa: PLC0415

        return Tokens(issuer, clock())

    # On this machine the pool's pages have another address, as the document store has.
    base = environment.get("SIGN_IN_ENDPOINT") or environment["SIGN_IN_URL"]
    return SignIn(base, environment["SIGN_IN_CLIENT"], tokens)


def queues(environment: Environment) -> SqsQueues:
    """Give the queues that messages leave to."""
    urls = {topic: environment[variable] for topic, variable in TOPICS.items()}
    return SqsQueues(_Later("sqs"), urls)
