"""Who the owner's people are: as the pool's own model answers, and by this machine's stand-in."""

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber
from botocore.validate import ParamValidator

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


class StandIn:
    """A client whose calls the pool of this machine answers."""

    def __init__(self):
        self._staff = Staff(PEOPLE)

    def __getattr__(self, name):
        operation = "".join(word.title() for word in name.split("_"))
        return lambda **said: self._asked(operation, said)

    def _asked(self, operation, said):
        try:
            return self._staff.call(operation, said)
        except ServiceError as refused:
            raise ClientError({"Error": {"Code": refused.code}}, operation) from refused


def test_the_stand_in_knows_the_people_of_this_machine():
    staff = CognitoStaff(StandIn(), "People")
    for one in PEOPLE:
        assert staff.roles_of(one.username) == one.roles
        assert staff.address_of(one.username) == one.email
    assert staff.roles_of("nobody") == frozenset()
    with pytest.raises(ServiceError, match="AdminDeleteUser is not known"):
        Staff(PEOPLE).call("AdminDeleteUser", {"Username": "sam.spc"})


SAM = {"UserPoolId": POOL, "Username": "sam.spc"}
TAKEN = [
    pytest.param("admin_remove_user_from_group", {"GroupName": "spc"}, set(), id="a role is taken"),
    pytest.param(
        "admin_add_user_to_group", {"GroupName": "ams"}, {"spc", "ams"}, id="a role is given"
    ),
    pytest.param("admin_disable_user", {}, set(), id="the person is switched off"),
]


@pytest.mark.parametrize(("deed", "more", "left"), TAKEN)
@pytest.mark.parametrize("pool", ["its own model", "the stand-in"])
def test_what_is_taken_away_in_the_pool_counts_from_the_next_look(request, pool, deed, more, left):
    if pool == "the stand-in":
        client = StandIn()
    else:
        client, stub = request.getfixturevalue("stubbed")
        knows(stub, "sam.spc", "spc")
        stub.add_response(deed, {}, {**SAM, **more})
        knows(stub, "sam.spc", *left, is_enabled=deed != "admin_disable_user")
    staff = CognitoStaff(client, POOL)
    assert staff.roles_of("sam.spc") == {"spc"}
    getattr(client, deed)(**SAM, **more)
    assert staff.roles_of("sam.spc") == left


@pytest.mark.parametrize("deed", ["admin_disable_user", "admin_enable_user"])
def test_who_is_switched_on_again_has_the_same_roles(deed):
    client = StandIn()
    client.admin_disable_user(**SAM)
    getattr(client, deed)(**SAM)
    roles = CognitoStaff(client, POOL).roles_of("sam.spc")
    assert roles == ({"spc"} if deed == "admin_enable_user" else set())


def test_each_answer_of_the_stand_in_is_one_that_the_pool_could_give(stubbed):
    """Checked by the service's own model: names of members, and what they hold."""
    model = stubbed[0].meta
    for operation in ("AdminGetUser", "AdminListGroupsForUser", "AdminDisableUser"):
        answer = Staff(PEOPLE).call(operation, {"Username": "sam.spc"})
        shape = model.service_model.operation_model(operation).output_shape
        assert not ParamValidator().validate(answer, shape).has_errors()
