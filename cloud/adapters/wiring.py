"""Makes the ports real, each from the environment variables that name its outside thing.

A function asks for what it needs when its module is imported, and for nothing else: what it does
not ask for, its role need not allow. A variable that is missing is a `KeyError` with its name.
"""

from collections.abc import Mapping

import boto3
from pynamodb.connection import Connection

from cloud.adapters.chart import CHART
from cloud.adapters.chunks import DynamoChunks
from cloud.adapters.clock import CurrentClock
from cloud.adapters.documents import S3Documents
from cloud.adapters.mail import SesMail
from cloud.adapters.outbox import DynamoOutbox
from cloud.adapters.queues import SqsQueues
from cloud.adapters.records import DynamoRecords
from cloud.adapters.tables import MoneyRow, OperationsRow, SitesRow, bind
from cloud.funding.ach import Originator
from cloud.kernel.clock import Clock

Environment = Mapping[str, str]


def clock() -> Clock:
    """Give the clock that functions run by."""
    return CurrentClock()


def records(environment: Environment) -> DynamoRecords:
    """Give the records of the tables that the environment names; the others are out of reach."""
    bind(OperationsRow, environment["OPERATIONS_TABLE"])
    for table, variable in ((SitesRow, "SITES_TABLE"), (MoneyRow, "MONEY_TABLE")):
        if variable in environment:
            bind(table, environment[variable])
    return DynamoRecords(CHART, Connection())


def outbox(environment: Environment) -> DynamoOutbox:
    """Give the rows of the operations table that are due."""
    bind(OperationsRow, environment["OPERATIONS_TABLE"])
    return DynamoOutbox()


def chunks(environment: Environment) -> DynamoChunks:
    """Give the chunks of telemetry."""
    return DynamoChunks(boto3.client("dynamodb"), environment["TELEMETRY_TABLE"])


def documents(environment: Environment) -> S3Documents:
    """Give the document store."""
    return S3Documents(boto3.client("s3"), environment["DOCUMENTS_BUCKET"])


def mail(environment: Environment) -> SesMail:
    """Give the mail that leaves."""
    return SesMail(
        boto3.client("sesv2"), sender=environment["MAIL_FROM"], documents=documents(environment)
    )


TOPICS = {
    "finding": "FINDINGS_QUEUE_URL",
    "recovery": "FINDINGS_QUEUE_URL",
    "milestone": "ACCRUALS_QUEUE_URL",
    "payable": "ACCRUALS_QUEUE_URL",
    "offset": "ACCRUALS_QUEUE_URL",
    "run_approved": "RUNS_QUEUE_URL",
}
"""Topic of a message -> the variable that names its queue."""


def queues(environment: Environment) -> SqsQueues:
    """Give the queues that messages leave to."""
    urls = {topic: environment[variable] for topic, variable in TOPICS.items()}
    return SqsQueues(boto3.client("sqs"), urls)


def originator(environment: Environment) -> Originator:
    """Give who the funding file is from, and the bank that takes it."""
    return Originator(
        bank_routing_number=environment["ORIGINATOR_ROUTING"],
        bank_name=environment["ORIGINATOR_BANK_NAME"],
        origin=environment["ORIGINATOR_COMPANY_ID"],
        name=environment["ORIGINATOR_NAME"],
        company_identification=environment["ORIGINATOR_COMPANY_ID"],
        questions_to=environment["MAIL_FROM"],
    )
