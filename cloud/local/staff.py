"""Stand-in for the user pool's API for administrators: who is who, and in which groups.

After the Amazon Cognito API reference, AdminGetUser and AdminListGroupsForUser. Who is listed for
signing in to this machine is in the pool; nobody is switched off.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from cloud.local.dynamodb.hook import ServiceError
from cloud.local.people import Person

SERVICE = "cognito-identity-provider"


class Staff:
    """Answers for the people of this machine."""

    def __init__(self, people: Iterable[Person]) -> None:
        self._people = {one.username: one for one in people}

    def call(self, operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer one operation.

        Raises:
            ServiceError: nobody has that name, or the operation is not known here.
        """
        person = self._people.get(str(parameters.get("Username", "")))
        if operation not in {"AdminGetUser", "AdminListGroupsForUser"}:
            msg = f"{operation} is not known to the user pool of this machine"
            raise ServiceError("InvalidParameterException", msg)
        if person is None:
            raise ServiceError("UserNotFoundException", "User does not exist.")
        if operation == "AdminGetUser":
            return {
                "Username": person.username,
                "Enabled": True,
                "UserStatus": "CONFIRMED",
                "UserAttributes": [{"Name": "email", "Value": person.email}],
            }
        return {"Groups": [{"GroupName": role} for role in sorted(person.roles)]}
