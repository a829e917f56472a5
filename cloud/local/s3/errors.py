"""The refusals of S3 that more than one place gives (Amazon S3 API reference, error responses)."""

from http import HTTPStatus

from cloud.local.dynamodb.hook import ServiceError


def no_such_key() -> ServiceError:
    """Give the refusal of a key that holds nothing, or was deleted."""
    return ServiceError("NoSuchKey", "The specified key does not exist.", 404)


def no_such_bucket() -> ServiceError:
    """Say that there is no such bucket."""
    return ServiceError("NoSuchBucket", "The specified bucket does not exist", 404)


def precondition_failed() -> ServiceError:
    """Give the refusal of a condition that does not hold."""
    message = "At least one of the pre-conditions you specified did not hold"
    return ServiceError("PreconditionFailed", message, 412)


def not_modified() -> ServiceError:
    """Give the answer to a reader who has this content already."""
    return ServiceError("304", "Not Modified", 304)


def invalid(message: str) -> ServiceError:
    """Give the refusal of an argument."""
    return ServiceError("InvalidArgument", message, 400)


def not_implemented(what: str) -> ServiceError:
    """Give the refusal of what S3 can do and the local runtime cannot."""
    return ServiceError("NotImplemented", f"{what} is not known here", 501)


def denied(message: str = "Access Denied") -> ServiceError:
    """Give the refusal of somebody who has not shown that he may."""
    return ServiceError("AccessDenied", message, 403)


def without_body(error: ServiceError) -> ServiceError:
    """Give an error as a client sees it that got a status and no body, as after a HEAD."""
    return ServiceError(str(error.status), HTTPStatus(error.status).phrase, error.status)
