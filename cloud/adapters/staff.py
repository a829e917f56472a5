"""The owner's people in the user pool: their groups at this moment, and where they read mail."""

from typing import Any

from botocore.exceptions import ClientError

from cloud.adapters.outside import reaching

_LONGEST_NAME = 128
"""Of a user name (Amazon Cognito API reference, AdminGetUser)."""


class CognitoStaff:
    """`cloud.reporting.scheduling.Staff` over Cognito's API for administrators."""

    def __init__(self, client: Any, pool_id: str) -> None:
        """Say which pool.

        Args:
            client: of ``cognito-idp``.
            pool_id: the user pool.
        """
        self._client = client
        self._pool_id = pool_id

    def roles_of(self, name: str) -> frozenset[str]:
        """See `Staff.roles_of`."""
        if not 0 < len(name) <= _LONGEST_NAME:
            return frozenset()
        who = {"UserPoolId": self._pool_id, "Username": name}
        with reaching(f"asking the user pool for {name}"):
            try:
                if not self._client.admin_get_user(**who)["Enabled"]:
                    return frozenset()
                return frozenset(self._groups(who))
            except ClientError as wrong:
                if wrong.response["Error"]["Code"] != "UserNotFoundException":
                    raise
                return frozenset()

    def address_of(self, name: str) -> str:
        """See `Staff.address_of`."""
        if not 0 < len(name) <= _LONGEST_NAME:
            return ""
        with reaching(f"asking the user pool for {name}"):
            try:
                found = self._client.admin_get_user(UserPoolId=self._pool_id, Username=name)
            except ClientError as wrong:
                if wrong.response["Error"]["Code"] != "UserNotFoundException":
                    raise
                return ""
        told = {one["Name"]: one.get("Value", "") for one in found.get("UserAttributes", ())}
        return str(told.get("email", "")) if found["Enabled"] else ""

    def _groups(self, who: dict[str, str]) -> list[str]:
        found: list[str] = []
        page: dict[str, str] = {}
        while True:
            answer = self._client.admin_list_groups_for_user(**who, **page)
            found += [one["GroupName"] for one in answer["Groups"]]
            if not answer.get("NextToken"):
                return found
            page = {"NextToken": answer["NextToken"]}
