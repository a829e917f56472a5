"""The errors which the engine gives back, in the words and codes of the DynamoDB API."""

from typing import Any

CONDITION_FAILED = "ConditionalCheckFailedException"
VALIDATION = "ValidationException"


class EngineError(Exception):
    """A refusal as the DynamoDB API words it.

    Attributes:
        code: the exception's name in the API, such as `ConditionalCheckFailedException`.
        message: the sentence that AWS gives, as far as its documents or answers show it.
        extra: further members of the error, such as `Item` or `CancellationReasons`.
    """

    def __init__(self, code: str, message: str, **extra: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.extra = extra


class ExpressionError(Exception):
    """An expression that cannot be used; whoever knows which parameter it was names it."""


def invalid(message: str) -> EngineError:
    """Make the error for a request that AWS would not accept."""
    return EngineError(VALIDATION, message)


def invalid_parameter(message: str) -> EngineError:
    """Make the error for a value that AWS would not accept."""
    return invalid(f"One or more parameter values were invalid: {message}")


def too_short(where: str) -> EngineError:
    """Make the error for a list or map of the request which must not be empty."""
    return invalid(
        f"1 validation error detected: Value at '{where}' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1"
    )


def no_such_table(name: str) -> EngineError:
    """Make the error for a table which does not exist."""
    return EngineError(
        "ResourceNotFoundException", f"Requested resource not found: Table: {name} not found"
    )
