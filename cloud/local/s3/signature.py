"""Checks AWS Signature Version 4, in a request's query, in its headers, or in a form.

After the Amazon S3 API reference, "Authenticating Requests (AWS Signature Version 4)" with its
chapters on query parameters, on the Authorization header and on browser-based uploads. Time is the
runtime's: who signs by the clock of the wall is early or late when the simulation is elsewhere.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote_to_bytes

from cloud.local.dynamodb.hook import ServiceError
from cloud.local.s3.errors import denied, invalid
from cloud.local.web import Request

LOCAL_KEYS: Mapping[str, str] = {"local": "local"}
"""Access key -> secret key that boto3 signs with here (cloud/local/dynamodb/hook.py)."""
REGION = "us-east-1"
ALGORITHM = "AWS4-HMAC-SHA256"
SKEW = timedelta(minutes=15)
"""How far a clock that signs may be off."""
LONGEST = timedelta(days=7)
"""How long a signing key, and so anything signed ahead, is good for."""
UNSIGNED = "UNSIGNED-PAYLOAD"

_QUERY_NAMES = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
)
_AUTHORIZATION = re.compile(
    ALGORITHM + r"\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([^,\s]+)"
)

Query = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Signed:
    """What a request says of its own signature."""

    credential: str
    stamp: str
    headers: tuple[str, ...]
    signature: str


def check_request(
    request: Request, query: Query, *, now: datetime, secrets: Mapping[str, str]
) -> None:
    """See that a request was signed by one of the secrets, as it stands, and not too long ago.

    Args:
        request: as it came in.
        query: its query, decoded.
        now: the present instant.
        secrets: access key -> secret key.

    Raises:
        ServiceError: it was not; with S3's own codes.
    """
    names = {name for name, _ in query}
    in_query = not names.isdisjoint(_QUERY_NAMES)
    authorization = request.headers.get("authorization")
    if in_query and authorization is not None:
        raise invalid("Only one auth mechanism allowed")
    if "Signature" in names or (authorization or "").startswith("AWS "):
        raise _old_mechanism()
    if "X-Amz-Security-Token" in names or "x-amz-security-token" in request.headers:
        message = "The provided token is malformed or otherwise invalid."
        raise ServiceError("InvalidToken", message, 400)
    if in_query:
        signed, payload = _from_query(query, now), UNSIGNED
    elif authorization is not None:
        signed, payload = _from_header(authorization, request, now), _payload(request)
    else:
        raise denied()
    if "host" not in signed.headers:
        raise denied("The header host must be signed")
    unsigned = sorted(
        name for name in request.headers if name.startswith("x-amz-") and name not in signed.headers
    )
    if unsigned:
        message = "There were headers present in the request which were not signed: "
        raise denied(message + ", ".join(unsigned))
    canonical = _canonical(request, query, signed.headers, payload)
    digest = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
    scope = signed.credential.partition("/")[2]
    text = "\n".join((ALGORITHM, signed.stamp, scope, digest))
    _check(signed.credential, signed.stamp, text, signed.signature, secrets)


def check_form(fields: Mapping[str, str], *, now: datetime, secrets: Mapping[str, str]) -> None:
    """See that a form's policy was signed by one of the secrets, and that its key is still good.

    Args:
        fields: of the form, names in lower case.
        now: the present instant.
        secrets: access key -> secret key.

    Raises:
        ServiceError: it was not.
    """
    if "signature" in fields or "awsaccesskeyid" in fields:
        raise _old_mechanism()
    if "policy" not in fields:
        raise denied()
    if "x-amz-security-token" in fields:
        message = "The provided token is malformed or otherwise invalid."
        raise ServiceError("InvalidToken", message, 400)
    for name in ("x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"):
        if name not in fields:
            raise invalid(f"Bucket POST must contain a field named '{name}'.")
    if fields["x-amz-algorithm"] != ALGORITHM:
        raise invalid(f"X-Amz-Algorithm only supports {ALGORITHM}")
    stamp = fields["x-amz-date"]
    at = _moment(stamp)
    if at is None:
        raise invalid("X-Amz-Date must be in the ISO8601 Long Format yyyyMMdd'T'HHmmss'Z'")
    if not at - SKEW <= now < at + LONGEST:
        raise denied("Invalid according to Policy: the form was not signed within seven days")
    _check(fields["x-amz-credential"], stamp, fields["policy"], fields["x-amz-signature"], secrets)


# ---------------------------------------------------------------------- where it stands
def _from_query(query: Query, now: datetime) -> _Signed:
    given = {name: [value for one, value in query if one == name] for name in _QUERY_NAMES}
    if any(len(values) != 1 for values in given.values()):
        raise _wrong_parameters(
            f"Query-string authentication version 4 requires {', '.join(_QUERY_NAMES)}, each once"
        )
    algorithm, credential, stamp, expires, headers, signature = (
        given[name][0] for name in _QUERY_NAMES
    )
    if algorithm != ALGORITHM:
        raise _wrong_parameters(f'X-Amz-Algorithm only supports "{ALGORITHM}"')
    at = _moment(stamp)
    if at is None:
        message = "X-Amz-Date must be in the ISO8601 Long Format yyyyMMdd'T'HHmmss'Z'"
        raise _wrong_parameters(message)
    if not re.fullmatch(r"\d{1,9}", expires, re.ASCII):
        raise _wrong_parameters("X-Amz-Expires should be a number of seconds")
    lasts = timedelta(seconds=int(expires))
    if lasts > LONGEST:
        raise _wrong_parameters("X-Amz-Expires must be less than a week (in seconds)")
    if now < at - SKEW:
        raise denied("Request is not yet valid")
    if now >= at + lasts:
        raise denied("Request has expired")
    return _Signed(credential, stamp, tuple(headers.split(";")), signature)


def _from_header(authorization: str, request: Request, now: datetime) -> _Signed:
    found = _AUTHORIZATION.fullmatch(authorization.strip())
    if found is None:
        message = f"The authorization header is malformed; it must be {ALGORITHM} Credential=...,"
        raise _malformed(f"{message} SignedHeaders=..., Signature=...")
    stamp = request.headers.get("x-amz-date", "")
    at = _moment(stamp)
    if at is None:
        raise denied("AWS authentication requires a valid x-amz-date header")
    if abs(now - at) > SKEW:
        message = "The difference between the request time and the current time is too large."
        raise ServiceError("RequestTimeTooSkewed", message, 403)
    return _Signed(found[1], stamp, tuple(found[2].split(";")), found[3])


def _payload(request: Request) -> str:
    """Give what the signature covers of the body, once the body is seen to be that."""
    said = request.headers.get("x-amz-content-sha256")
    if said is None:
        raise ServiceError(
            "InvalidRequest", "Missing required header for this request: x-amz-content-sha256", 400
        )
    if said.startswith("STREAMING-"):
        raise ServiceError("NotImplemented", "a body signed in chunks is not known here", 501)
    if said not in {UNSIGNED, hashlib.sha256(request.body).hexdigest()}:
        message = "The provided 'x-amz-content-sha256' header does not match what was computed."
        raise ServiceError("XAmzContentSHA256Mismatch", message, 400)
    return said


# ---------------------------------------------------------------------- what was signed
def _canonical(request: Request, query: Query, headers: Sequence[str], payload: str) -> str:
    """Give the request in the one form that both sides sign ("Create a canonical request")."""
    pairs = sorted(
        (_encoded(name), _encoded(value)) for name, value in query if name != "X-Amz-Signature"
    )
    lines = [f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in headers]
    return "\n".join(
        (
            request.method,
            quote(unquote_to_bytes(request.path), safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in pairs),
            "".join(lines),
            ";".join(headers),
            payload,
        )
    )


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")


def _check(
    credential: str, stamp: str, text: str, signature: str, secrets: Mapping[str, str]
) -> None:
    access_key, _, scope = credential.partition("/")
    wanted = f"{stamp[:8]}/{REGION}/s3/aws4_request"
    if scope != wanted:
        raise _wrong_parameters(f"the scope of the credential is not {wanted}")
    secret = secrets.get(access_key)
    if secret is None:
        message = "The AWS Access Key Id you provided does not exist in our records."
        raise ServiceError("InvalidAccessKeyId", message, 403)
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    made = hmac.digest(key, text.encode("utf-8", "surrogateescape"), "sha256").hex()
    if not hmac.compare_digest(made.encode(), signature.encode("utf-8", "replace")):
        message = "The request signature we calculated does not match the signature you provided."
        raise ServiceError(
            "SignatureDoesNotMatch", message + " Check your key and signing method.", 403
        )


def _moment(stamp: str) -> datetime | None:
    if not re.fullmatch(r"\d{8}T\d{6}Z", stamp, re.ASCII):
        return None
    try:
        return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def _old_mechanism() -> ServiceError:
    message = "The authorization mechanism you have provided is not supported."
    return ServiceError("InvalidRequest", f"{message} Please use {ALGORITHM}.", 400)


def _wrong_parameters(message: str) -> ServiceError:
    return ServiceError("AuthorizationQueryParametersError", message, 400)


def _malformed(message: str) -> ServiceError:
    return ServiceError("AuthorizationHeaderMalformed", message, 400)
