"""Who the owner's people are: as the pool's own model answers, and by this machine's stand-in."""

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber

from cloud.adapters.staff import CognitoStaff
from cloud.kernel.errors import Unavailable
from cloud.local.dynamodb.hook import ServiceError
from cloud.local.people import PEOPLE
from cloud.local.staff import Staff

POOL = "us-east-1_people"


@pytest.fixture
def stubbed():
    """Give a client of the service's own model, and what answers in its place."""
    client = boto3.client(
        "cognito-idp",
        region_name="us-east-1",
        aws_access_key_id="none",
        aws_secret_access_key="none",
    )
    with Stubber(client) as stub:
        yield client, stub
        stub.assert_no_pending_responses()


def knows(stub, name, *groups, is_enabled=True):
    """Let the pool know somebody, in these groups."""
    asked = {"UserPoolId": POOL, "Username": name}
    stub.add_response("admin_get_user", {"Username": name, "Enabled": is_enabled}, asked)
    if is_enabled:
        found = {"Groups": [{"GroupName": one} for one in groups]}
        stub.add_response("admin_list_groups_for_user", found, asked)


@pytest.mark.rule("OR-11")
@pytest.mark.parametrize(
    "groups",
    [pytest.param({"spc", "ams"}, id="with two groups"), pytest.param(set(), id="without any")],
)
def test_the_pool_says_which_groups_somebody_is_in_now(stubbed, groups):
    client, stub = stubbed
    knows(stub, "ada", *groups)
    assert CognitoStaff(client, POOL).roles_of("ada") == groups


@pytest.mark.rule("OR-11")
def test_who_is_switched_off_or_not_there_any_more_has_no_role(stubbed):
    client, stub = stubbed
    knows(stub, "otto", is_enabled=False)
    stub.add_client_error("admin_get_user", "UserNotFoundException")
    staff = CognitoStaff(client, POOL)
    assert staff.roles_of("otto") == frozenset()
    assert staff.roles_of("gone") == frozenset()


@pytest.mark.parametrize("name", ["", "x" * 129], ids=["none", "too long"])
def test_what_cannot_be_a_name_is_not_asked_for(stubbed, name):
    assert CognitoStaff(stubbed[0], POOL).roles_of(name) == frozenset()


def test_groups_come_page_by_page():
    class Pages:
        def admin_get_user(self, **_):
            return {"Enabled": True}

        def admin_list_groups_for_user(self, *, NextToken="0", **_):  # noqa: N803
            number = int(NextToken)
            more = {"NextToken": str(number + 1)} if number < 3 else {}
            return {"Groups": [{"GroupName": f"g{number}"}], **more}

    assert CognitoStaff(Pages(), "p").roles_of("ada") == {"g0", "g1", "g2", "g3"}


@pytest.mark.parametrize(
    "wrong",
    [
        EndpointConnectionError(endpoint_url="https://x"),
        ClientError({"Error": {"Code": "TooManyRequestsException"}}, "AdminGetUser"),
        ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "AdminGetUser"),
    ],
    ids=["no answer", "too many requests", "no such pool"],
)
def test_a_pool_that_does_not_answer_takes_nobodys_role(wrong):
    class Broken:
        def admin_get_user(self, **_):
            raise wrong

    with pytest.raises(Unavailable, match="asking the user pool for ada"):
        CognitoStaff(Broken(), "p").roles_of("ada")


@pytest.mark.rule("OR-15")
@pytest.mark.parametrize(
    ("told", "address"),
    [
        pytest.param(
            {"Enabled": True, "UserAttributes": [{"Name": "email", "Value": "a@owner.example"}]},
            "a@owner.example",
            id="known",
        ),
        pytest.param({"Enabled": True, "UserAttributes": [{"Name": "sub"}]}, "", id="no address"),
        pytest.param({"Enabled": True}, "", id="nothing is told"),
        pytest.param(
            {"Enabled": False, "UserAttributes": [{"Name": "email", "Value": "a@owner.example"}]},
            "",
            id="switched off",
        ),
    ],
)
def test_the_pool_says_where_somebody_reads_mail(stubbed, told, address):
    client, stub = stubbed
    asked = {"UserPoolId": POOL, "Username": "ada"}
    stub.add_response("admin_get_user", {"Username": "ada", **told}, asked)
    stub.add_client_error("admin_get_user", "UserNotFoundException")
    stub.add_client_error("admin_get_user", "TooManyRequestsException")
    staff = CognitoStaff(client, POOL)
    assert staff.address_of("ada") == address
    assert staff.address_of("gone") == ""
    with pytest.raises(Unavailable, match="asking the user pool for ada"):
        staff.address_of("ada")
    assert staff.address_of("x" * 129) == staff.address_of("") == ""


def test_the_stand_in_knows_the_people_of_this_machine():
    class Client:
        def __init__(self):
            self._staff = Staff(PEOPLE)

        def admin_get_user(self, **said):
            return self._asked("AdminGetUser", said)

        def admin_list_groups_for_user(self, **said):
            return self._asked("AdminListGroupsForUser", said)

        def _asked(self, operation, said):
            try:
                return self._staff.call(operation, said)
            except ServiceError as refused:
                raise ClientError({"Error": {"Code": refused.code}}, operation) from refused

    staff = CognitoStaff(Client(), "People")
    for one in PEOPLE:
        assert staff.roles_of(one.username) == one.roles
        assert staff.address_of(one.username) == one.email
    assert staff.roles_of("nobody") == frozenset()
    with pytest.raises(ServiceError, match="AdminDeleteUser is not known"):
        Staff(PEOPLE).call("AdminDeleteUser", {"Username": "sam.spc"})
