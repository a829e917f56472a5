"""S3 over HTTP, path style: requests that boto3 or a browser signed, answered as S3 answers."""

import base64
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from cloud.kernel.clock import Clock
from cloud.local.dynamodb.hook import ServiceError
from cloud.local.s3 import form, policy, signature, xml
from cloud.local.s3.errors import denied, invalid, no_such_bucket, not_implemented
from cloud.local.s3.operations import KEPT_HEADERS
from cloud.local.web import Request, Response

_LOOPBACK = r"https?://(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?"
_ORIGIN = re.compile(_LOOPBACK, re.ASCII)
_REDIRECT = re.compile(_LOOPBACK + r"(?:[/?#][\x21-\x5b\x5d-\x7e]*)?", re.ASCII)  # no backslash

_HEADERS = {
    "cache-control": "CacheControl",
    "content-disposition": "ContentDisposition",
    "content-encoding": "ContentEncoding",
    "content-language": "ContentLanguage",
    "content-type": "ContentType",
    "x-amz-server-side-encryption": "ServerSideEncryption",
    "x-amz-server-side-encryption-aws-kms-key-id": "SSEKMSKeyId",
    "x-amz-acl": "ACL",
}
_WRITE_HEADERS = _HEADERS | {
    "content-md5": "ContentMD5",
    "if-match": "IfMatch",
    "if-none-match": "IfNoneMatch",
    "x-amz-checksum-crc32": "ChecksumCRC32",
    "x-amz-checksum-sha1": "ChecksumSHA1",
    "x-amz-checksum-sha256": "ChecksumSHA256",
}
_COPY_HEADERS = _HEADERS | {
    "if-match": "IfMatch",
    "if-none-match": "IfNoneMatch",
    "x-amz-copy-source": "CopySource",
    "x-amz-metadata-directive": "MetadataDirective",
    "x-amz-copy-source-if-match": "CopySourceIfMatch",
    "x-amz-copy-source-if-none-match": "CopySourceIfNoneMatch",
}
_READ_HEADERS = {
    "if-match": "IfMatch",
    "if-none-match": "IfNoneMatch",
    "if-modified-since": "IfModifiedSince",
    "if-unmodified-since": "IfUnmodifiedSince",
    "range": "Range",
}
_DELETE_HEADERS = {"if-match": "IfMatch"}
# They say how a request is sent or signed, not what it is about.
_PASSED_OVER = re.compile(
    r"x-amz-(?:date|content-sha256|sdk-checksum-algorithm|checksum-mode|checksum-algorithm"
    r"|user-agent|expected-bucket-owner|request-payer)"
)
_MOMENTS = {"IfModifiedSince", "IfUnmodifiedSince"}
_VERSION = {"versionId": "VersionId"}
_READ_QUERY = _VERSION | {
    "response-cache-control": "ResponseCacheControl",
    "response-content-disposition": "ResponseContentDisposition",
    "response-content-encoding": "ResponseContentEncoding",
    "response-content-language": "ResponseContentLanguage",
    "response-content-type": "ResponseContentType",
}
_LIST_QUERY = {
    "prefix": "Prefix",
    "delimiter": "Delimiter",
    "max-keys": "MaxKeys",
    "encoding-type": "EncodingType",
}
_OBJECTS_QUERY = _LIST_QUERY | {
    "continuation-token": "ContinuationToken",
    "start-after": "StartAfter",
    "fetch-owner": "FetchOwner",
}
_VERSIONS_QUERY = _LIST_QUERY | {"key-marker": "KeyMarker", "version-id-marker": "VersionIdMarker"}
_READS = {"GET", "HEAD", "OPTIONS"}
_NO_CONTENT = re.compile(r"image/(?:png|jpeg|gif|webp)|application/pdf|text/(?:plain|csv)")

Call = Callable[[str, Mapping[str, Any]], dict[str, Any]]


class Door:
    """Answers requests for buckets; what nobody signed is refused."""

    def __init__(
        self,
        call: Call,
        has_bucket: Callable[[str], bool],
        clock: Clock,
        secrets: Mapping[str, str],
    ) -> None:
        self._call, self._has_bucket = call, has_bucket
        self._clock, self._secrets = clock, secrets

    def answer(self, request: Request) -> Response | None:
        """Answer one request; None when its path begins with no bucket's name.

        A request that is signed for S3 is answered by S3 even so. A page of another site that
        makes a browser write here is refused, whatever it has signed: the keys are no secret.
        """
        bucket, _, rest = request.path.removeprefix("/").partition("/")
        is_known = self._has_bucket(unquote(bucket, errors="surrogateescape"))
        if not is_known and not _is_for_s3(request):
            return None
        bucket = unquote(bucket)
        try:
            _check_origin(request)
            if not is_known:
                raise no_such_bucket()
            key = unquote(rest, errors="strict")
            response = self._answer(request, bucket, key)
        except ServiceError as refused:
            response = _refusal(refused, request)
        except UnicodeError:
            wrong = ServiceError("InvalidURI", "Couldn't parse the specified URI.", 400)
            response = _refusal(wrong, request)
        return _with_origin(response, request)

    def _answer(self, request: Request, bucket: str, key: str) -> Response:
        query = parse_qsl(request.query, keep_blank_values=True, errors="strict")
        if request.method == "OPTIONS":
            return _preflight(request)
        if request.method == "POST" and not key and "delete" not in dict(query):
            return self._upload(request, bucket)
        signature.check_request(request, query, now=self._clock.now(), secrets=self._secrets)
        asked = {name: value for name, value in query if not name.startswith("X-Amz-")}
        asked.pop("x-id", None)  # only tells the operation's name
        if key:
            return self._object(request, asked, {"Bucket": bucket, "Key": key})
        return self._bucket(request, asked, {"Bucket": bucket})

    # ------------------------------------------------------------------ signed requests
    def _bucket(self, request: Request, asked: dict[str, str], named: dict[str, Any]) -> Response:
        if request.method == "HEAD" and not asked:
            return Response(200, b"", {"x-amz-bucket-region": signature.REGION})
        if request.method == "GET" and asked.pop("list-type", "") == "2":
            listed = self._call("ListObjectsV2", named | _listing(asked, _OBJECTS_QUERY))
            return _xml(200, "ListBucketResult", listed)
        if request.method == "GET" and asked.pop("versions", None) == "":
            listed = self._call("ListObjectVersions", named | _listing(asked, _VERSIONS_QUERY))
            names = {"Versions": "Version", "DeleteMarkers": "DeleteMarker"}
            listed = {names.get(name, name): value for name, value in listed.items()}
            return _xml(200, "ListVersionsResult", listed)
        raise not_implemented(f"{request.method} of a bucket with this query")

    def _object(self, request: Request, asked: dict[str, str], named: dict[str, Any]) -> Response:
        headers = request.headers
        if request.method in {"GET", "HEAD"}:
            named |= _query(asked, _READ_QUERY) | _of_headers(headers, _READ_HEADERS)
            return _content(self._call("GetObject", named))
        if request.method == "PUT" and "x-amz-copy-source" in headers:
            named |= _query(asked, {}) | _of_headers(headers, _COPY_HEADERS)
            copied = self._call("CopyObject", named)
            return _xml(200, "CopyObjectResult", copied.pop("CopyObjectResult"), _told(copied))
        if request.method == "PUT":
            named |= _query(asked, {}) | _of_headers(headers, _WRITE_HEADERS)
            return Response(
                200, b"", _told(self._call("PutObject", named | {"Body": request.body}))
            )
        if request.method == "DELETE":
            named |= _query(asked, _VERSION) | _of_headers(headers, _DELETE_HEADERS)
            return Response(204, b"", _told(self._call("DeleteObject", named)))
        raise ServiceError(
            "MethodNotAllowed", "The specified method is not allowed against this resource.", 405
        )

    # ------------------------------------------------------------------ a browser's form
    def _upload(self, request: Request, bucket: str) -> Response:
        """Keep the file of a form that its signer's policy allows (API reference, PostObject)."""
        now = self._clock.now()
        sent = form.read(request.headers.get("content-type", ""), request.body)
        signature.check_form(sent.fields, now=now, secrets=self._secrets)
        if sent.fields.get("bucket", bucket) != bucket:
            raise invalid("the field bucket names another bucket than the address")
        fields = {**sent.fields, "bucket": bucket}
        policy.read(fields["policy"]).check(fields, size=len(sent.file), now=now)
        if not fields.get("key"):
            raise invalid("Bucket POST must contain a field named 'key'.")
        redirect = fields.get("success_action_redirect") or fields.get("redirect")
        if redirect and not _REDIRECT.fullmatch(redirect):
            raise invalid("success_action_redirect leads to another machine than this one")
        named = {"Bucket": bucket, "Key": fields["key"], "Body": sent.file}
        stored = self._call("PutObject", named | _of_form(fields))
        host = request.headers.get("host", "127.0.0.1")
        location = f"http://{_plain(host)}/{quote(bucket)}/{quote(fields['key'])}"
        told = {**_told(stored), "location": location}
        if redirect:
            told["location"] = _redirection(redirect, bucket, fields["key"], stored["ETag"])
            return Response(303, b"", told)
        if fields.get("success_action_status") == "201":
            members = {
                "Location": location, "Bucket": bucket, "Key": fields["key"],
                "ETag": stored["ETag"],
            }  # fmt: skip
            return _xml(201, "PostResponse", members, told, namespace="")
        return Response(200 if fields.get("success_action_status") == "200" else 204, b"", told)


# ---------------------------------------------------------------------- what is asked
def _query(asked: Mapping[str, str], known: Mapping[str, str]) -> dict[str, Any]:
    unknown = sorted(set(asked) - set(known))
    if unknown:
        raise not_implemented(f"the query parameter {unknown[0]!r}")
    return {known[name]: value for name, value in asked.items()}


def _listing(asked: Mapping[str, str], known: Mapping[str, str]) -> dict[str, Any]:
    parameters = _query(asked, known)
    limit = parameters.get("MaxKeys")
    if limit is not None:
        if not re.fullmatch(r"\d{1,10}", limit, re.ASCII):
            raise invalid("Provided max-keys not an integer or within integer range")
        parameters["MaxKeys"] = int(limit)
    return parameters


def _of_headers(headers: Mapping[str, str], known: Mapping[str, str]) -> dict[str, Any]:
    """Give the parameters that headers hold; one of S3's own that is not known is refused."""
    parameters: dict[str, Any] = {}
    metadata: dict[str, str] = {}
    for name, value in headers.items():
        if name in known:
            parameters[known[name]] = value
        elif name.startswith("x-amz-meta-") and "content-type" in known:
            metadata[name.removeprefix("x-amz-meta-")] = value
        elif name.startswith("x-amz-") and not _PASSED_OVER.fullmatch(name):
            raise not_implemented(f"the header {name}")
    for name in _MOMENTS & set(parameters):
        moment = _http_moment(parameters.pop(name))
        if moment is not None:  # RFC 9110, 13.1.3: what is no date is passed over
            parameters[name] = moment
    return parameters | ({"Metadata": metadata} if metadata else {})


def _of_form(fields: Mapping[str, str]) -> dict[str, Any]:
    for name in ("tagging", "expires"):
        if name in fields:
            raise not_implemented(f"the form's field {name}")
    signing = {"x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"}
    headers = {
        name: _as_header(value) if name.startswith("x-amz-meta-") else value
        for name, value in fields.items()
        if name not in signing and (name in _HEADERS or name.startswith("x-amz-"))
    }
    acl = {"ACL": fields["acl"]} if "acl" in fields else {}
    return _of_headers(headers, _HEADERS) | acl


def _as_header(value: str) -> str:
    """Give a form's text as a header holds it; other signs than ASCII's are put in RFC 2047."""
    if value.isascii():
        return value
    return f"=?UTF-8?B?{base64.b64encode(value.encode()).decode()}?="


def _http_moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC)


# ---------------------------------------------------------------------- what is told
_TOLD = {
    "ETag": "etag",
    "VersionId": "x-amz-version-id",
    "CopySourceVersionId": "x-amz-copy-source-version-id",
    "AcceptRanges": "accept-ranges",
    "ContentRange": "content-range",
    **{_HEADERS[name]: name for name in _HEADERS if _HEADERS[name] in KEPT_HEADERS},
}


def _told(answer: Mapping[str, Any]) -> dict[str, str]:
    told = {header: answer[name] for name, header in _TOLD.items() if name in answer}
    if answer.get("DeleteMarker"):
        told["x-amz-delete-marker"] = "true"
    return told


def _content(answer: dict[str, Any]) -> Response:
    """Give an object's content; what a browser would run is not let near the other pages here."""
    headers = _told(answer) | {
        f"x-amz-meta-{name}": value for name, value in answer["Metadata"].items()
    }
    headers["last-modified"] = format_datetime(answer["LastModified"], usegmt=True)
    headers["x-content-type-options"] = "nosniff"
    if not _NO_CONTENT.fullmatch(answer["ContentType"].partition(";")[0].strip().lower()):
        headers["content-security-policy"] = "sandbox"
    return Response(206 if "ContentRange" in answer else 200, answer["Body"].read(), headers)


def _xml(
    status: int,
    root: str,
    members: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
    *,
    namespace: str = xml.NAMESPACE,
) -> Response:
    body = xml.document(root, members, namespace=namespace)
    return Response(status, body, {**(headers or {}), "content-type": "application/xml"})


def _refusal(refused: ServiceError, request: Request) -> Response:
    if refused.status == 304:
        return Response(304, b"")
    members = {
        "Code": refused.code,
        "Message": refused.message,
        "Resource": unquote(request.path, errors="replace"),
    }
    return _xml(refused.status, "Error", members, namespace="")


def _redirection(redirect: str, bucket: str, key: str, etag: str) -> str:
    parts = urlsplit(redirect)
    added = urlencode({"bucket": bucket, "key": key, "etag": etag})
    query = f"{parts.query}&{added}" if parts.query else added
    return urlunsplit(parts._replace(query=query))


def _plain(host: str) -> str:
    return host if re.fullmatch(r"[\w.:\[\]-]{1,255}", host, re.ASCII) else "127.0.0.1"


# ---------------------------------------------------------------------- pages of other origins
def _with_origin(response: Response, request: Request) -> Response:
    """Let a page of this machine read the answer; a page of another one gets no such leave."""
    origin = request.headers.get("origin")
    if origin is None or not _ORIGIN.fullmatch(origin):
        return response
    allowed = {
        "access-control-allow-origin": origin,
        "access-control-expose-headers": "ETag, Location, x-amz-version-id",
        "vary": "Origin",
    }
    return Response(response.status, response.body, {**response.headers, **allowed})


def _preflight(request: Request) -> Response:
    if not _ORIGIN.fullmatch(request.headers.get("origin", "")):
        raise denied("CORSResponse: This CORS request is not allowed.")
    headers = {"access-control-allow-methods": "GET, HEAD, PUT, POST, DELETE"}
    wanted = request.headers.get("access-control-request-headers", "")
    if re.fullmatch(r"[\w, -]{1,1000}", wanted, re.ASCII):
        headers["access-control-allow-headers"] = wanted
    return Response(200, b"", headers)


def _check_origin(request: Request) -> None:
    """Refuse a write that a page of another site makes a browser send.

    Raises:
        ServiceError: AccessDenied.
    """
    origin = request.headers.get("origin")
    if origin is not None and request.method not in _READS and not _ORIGIN.fullmatch(origin):
        raise denied()


def _is_for_s3(request: Request) -> bool:
    """Tell whether a request is signed for S3: the scope of the signature names the service."""
    scope = request.headers.get("authorization", "")
    if not scope.startswith("AWS4-HMAC-SHA256"):
        scope = dict(parse_qsl(request.query)).get("X-Amz-Credential", "")
    return "/s3/aws4_request" in scope
