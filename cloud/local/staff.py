"""Stand-in for the user pool's API for administrators: who is who, and in which groups.

After the Amazon Cognito API reference: AdminGetUser, AdminListGroupsForUser, and what takes rights
away and gives them again. Who is listed for signing in to this machine is in the pool; what is
changed lasts until the stack ends.
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
        self._groups = {name: set(one.roles) for name, one in self._people.items()}
        self._switched_off: set[str] = set()

    def call(self, operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer one operation.

        Raises:
            ServiceError: nobody has that name, or the operation is not known here.
        """
        answered = {
            "AdminGetUser": self._get_user,
            "AdminListGroupsForUser": self._list_groups,
            "AdminDisableUser": self._disable,
            "AdminEnableUser": self._enable,
            "AdminAddUserToGroup": self._add,
            "AdminRemoveUserFromGroup": self._remove,
        }.get(operation)
        if answered is None:
            msg = f"{operation} is not known to the user pool of this machine"
            raise ServiceError("InvalidParameterException", msg)
        person = self._people.get(str(parameters.get("Username", "")))
        if person is None:
            raise ServiceError("UserNotFoundException", "User does not exist.")
        return answered(person, str(parameters.get("GroupName", "")))

    def _get_user(self, person: Person, _group: str) -> Mapping[str, Any]:
        return {
            "Username": person.username,
            "Enabled": person.username not in self._switched_off,
            "UserStatus": "CONFIRMED",
            "UserAttributes": [{"Name": "email", "Value": person.email}],
        }

    def _list_groups(self, person: Person, _group: str) -> Mapping[str, Any]:
        return {"Groups": [{"GroupName": role} for role in sorted(self._groups[person.username])]}

    def _disable(self, person: Person, _group: str) -> Mapping[str, Any]:
        self._switched_off.add(person.username)
        return {}

    def _enable(self, person: Person, _group: str) -> Mapping[str, Any]:
        self._switched_off.discard(person.username)
        return {}

    def _add(self, person: Person, group: str) -> Mapping[str, Any]:
        self._groups[person.username].add(group)
        return {}

    def _remove(self, person: Person, group: str) -> Mapping[str, Any]:
        self._groups[person.username].discard(group)
        return {}
