"""What the hourly look asks of SQS and of AWS Certificate Manager, on moto."""

import boto3
import pytest
from moto import mock_aws

from cloud.adapters.api_certificate import AcmCertificate
from cloud.adapters.dead_letters import SqsDeadLetters
from cloud.kernel.errors import Unavailable

ELSEWHERE = "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-000000000000"


class Unasked:
    def __getattr__(self, name):
        raise AssertionError(name)


@pytest.fixture
def aws(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "local")
    with mock_aws():
        yield


def client(service):
    return boto3.session.Session().client(service, region_name="us-east-1")


@pytest.mark.parametrize("sizes", [(0, 0), (1, 0), (2, 3)])
def test_all_queues_are_counted_together_and_nothing_is_taken_out(aws, sizes):
    sqs = client("sqs")
    urls = [sqs.create_queue(QueueName=f"dead-{number}")["QueueUrl"] for number in range(2)]
    for url, size in zip(urls, sizes, strict=True):
        for _ in range(size):
            sqs.send_message(QueueUrl=url, MessageBody="x")
    dead = SqsDeadLetters(sqs, urls)
    assert dead.count() == sum(sizes)
    assert dead.count() == sum(sizes)


def test_a_queue_that_does_not_answer_is_named(aws):
    dead = SqsDeadLetters(client("sqs"), ["https://sqs.us-east-1.amazonaws.com/1/gone"])
    with pytest.raises(Unavailable, match="counting what lies in gone"):
        dead.count()


def test_a_certificate_tells_its_end(aws):
    acm = client("acm")
    arn = acm.request_certificate(DomainName="api.owner.example")["CertificateArn"]
    described = acm.describe_certificate(CertificateArn=arn)["Certificate"]
    assert AcmCertificate(acm, arn).ends() == [described["NotAfter"]]


def test_one_that_is_not_issued_yet_has_no_end():
    class Pending:
        def describe_certificate(self, CertificateArn):  # noqa: N803 - boto3's own name
            return {"Certificate": {"CertificateArn": CertificateArn, "Status": "PENDING"}}

    assert list(AcmCertificate(Pending(), ELSEWHERE).ends()) == []


def test_a_stack_without_a_domain_asks_nobody():
    assert list(AcmCertificate(Unasked(), "").ends()) == []


def test_a_certificate_that_is_not_there_is_named(aws):
    with pytest.raises(Unavailable, match="reading the certificate of the API"):
        AcmCertificate(client("acm"), ELSEWHERE).ends()
