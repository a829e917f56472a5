"""The operations of S3, from the parameters of boto3's client to what it returns."""

import base64
import hashlib
import io
import re
import zlib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from botocore.response import StreamingBody

from cloud.local.dynamodb.hook import ServiceError
from cloud.local.s3 import conditions
from cloud.local.s3.errors import (
    invalid,
    no_such_key,
    not_implemented,
    without_body,
)
from cloud.local.s3.listing import list_objects, list_versions
from cloud.local.s3.store import Store, Stored

LARGEST_METADATA = 2 * 1024
"""Of an object, names and values in bytes (Amazon S3 user guide, object metadata)."""
MANY_DELETES = 1000
"""The most keys of one DeleteObjects (API reference)."""
CONTENT_TYPE = "binary/octet-stream"
"""Of an object whose writer named none."""
KEPT_HEADERS = (
    "ContentType",
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ServerSideEncryption",
    "SSEKMSKeyId",
)
"""What is kept with an object and goes back with it, by boto3's names."""

_Params = Mapping[str, Any]
_Operation = Callable[[Store, _Params], dict[str, Any]]

# What has no meaning on one machine that belongs to one person.
_IGNORED = {
    "ExpectedBucketOwner",
    "ExpectedSourceBucketOwner",
    "RequestPayer",
    "ChecksumAlgorithm",
    "ChecksumMode",
    "FetchOwner",
    "BucketKeyEnabled",
    "EncodingType",
}
_CONDITIONS = {"IfMatch", "IfNoneMatch", "IfModifiedSince", "IfUnmodifiedSince"}
_ANSWERED_AS = {
    "ResponseContentType": "ContentType",
    "ResponseCacheControl": "CacheControl",
    "ResponseContentDisposition": "ContentDisposition",
    "ResponseContentEncoding": "ContentEncoding",
    "ResponseContentLanguage": "ContentLanguage",
}
_READ = {"Bucket", "Key", "VersionId", "Range", *_CONDITIONS, *_ANSWERED_AS}
_KEEP = {"Bucket", "Key", "Metadata", "ACL", "IfMatch", "IfNoneMatch", *KEPT_HEADERS}


def call(store: Store, operation: str, parameters: _Params) -> dict[str, Any]:
    """Answer one call with what boto3 would parse from S3's reply.

    Raises:
        ServiceError: with S3's own codes. An operation or a parameter that is not known here is
            `NotImplemented`; it is never passed over.
    """
    if operation not in _OPERATIONS:
        raise not_implemented(f"S3 {operation}")
    answer, known = _OPERATIONS[operation]
    unknown = sorted(set(parameters) - known - _IGNORED)
    if unknown:
        raise not_implemented(f"{unknown[0]} of S3 {operation}")
    return answer(store, parameters)


# ---------------------------------------------------------------------- write
def _put_object(store: Store, parameters: _Params) -> dict[str, Any]:
    content = _content(parameters.get("Body", b""))
    _check_digests(content, parameters)
    stored = store.put(
        parameters["Bucket"],
        parameters["Key"],
        content,
        headers=_headers(parameters),
        metadata=_metadata(parameters),
        allow=conditions.for_write(parameters),
    )
    return {"ETag": stored.etag, **_versioned(store, stored), **_encrypted(stored)}


def _copy_object(store: Store, parameters: _Params) -> dict[str, Any]:
    bucket, key, version = _source(parameters["CopySource"])
    source, content = _read(store, bucket, key, version)
    conditions.check_read(source, parameters, "CopySource")
    directive = parameters.get("MetadataDirective", "COPY")
    if directive not in {"COPY", "REPLACE"}:
        raise invalid("Unknown metadata directive.")
    if directive == "COPY" and (bucket, key, version) == (
        parameters["Bucket"],
        parameters["Key"],
        None,
    ):
        message = "This copy request is illegal because it is trying to copy an object to itself"
        raise ServiceError("InvalidRequest", f"{message} without changing it.", 400)
    is_copied = directive == "COPY"
    stored = store.put(
        parameters["Bucket"],
        parameters["Key"],
        content,
        headers=source.headers if is_copied else _headers(parameters),
        metadata=source.metadata if is_copied else _metadata(parameters),
        allow=conditions.for_write(parameters),
    )
    answer = {"CopyObjectResult": {"ETag": stored.etag, "LastModified": stored.modified_at}}
    if store.status(bucket):
        answer["CopySourceVersionId"] = source.version  # type: ignore[assignment] # mixed values
    return answer | _versioned(store, stored) | _encrypted(stored)


def _delete_object(store: Store, parameters: _Params) -> dict[str, Any]:
    bucket, key, version = parameters["Bucket"], parameters["Key"], parameters.get("VersionId")
    allow = conditions.for_delete(parameters.get("IfMatch"))
    if version is None:
        marker = store.delete(bucket, key, allow=allow)
        return {} if marker is None else {"DeleteMarker": True, "VersionId": marker.version}
    removed = store.delete_version(bucket, key, version, allow=allow)
    is_marker = removed is not None and removed.is_marker
    return {"VersionId": version} | ({"DeleteMarker": True} if is_marker else {})


def _delete_objects(store: Store, parameters: _Params) -> dict[str, Any]:
    """Delete each by itself: what is refused for one does not keep the others."""
    objects = parameters["Delete"]["Objects"]
    if not 1 <= len(objects) <= MANY_DELETES:
        message = "The XML you provided was not well-formed or did not validate"
        raise ServiceError("MalformedXML", f"{message} against our published schema", 400)
    deleted: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for one in objects:
        named = {name: one[name] for name in ("Key", "VersionId") if name in one}
        asked = {"Bucket": parameters["Bucket"], **named}
        if "ETag" in one:
            asked["IfMatch"] = one["ETag"]
        try:
            answer = _delete_object(store, asked)
        except ServiceError as refused:
            if refused.code == "NoSuchBucket":
                raise
            errors.append({**named, "Code": refused.code, "Message": refused.message})
            continue
        if answer.get("DeleteMarker"):
            named |= {"DeleteMarker": True, "DeleteMarkerVersionId": answer["VersionId"]}
        deleted.append(named)
    is_quiet = parameters["Delete"].get("Quiet", False)
    told = {"Deleted": [] if is_quiet else deleted, "Errors": errors}
    return {name: entries for name, entries in told.items() if entries}


# ---------------------------------------------------------------------- read
def _get_object(store: Store, parameters: _Params) -> dict[str, Any]:
    """Give an object, or a part of it.

    As on AWS, a range that cannot be read is passed over, and of several the whole is given.
    """
    stored, content = _read(
        store, parameters["Bucket"], parameters["Key"], parameters.get("VersionId")
    )
    conditions.check_read(stored, parameters)
    answer = _described(store, stored, parameters)
    part = _range(parameters.get("Range"), len(content))
    if part is not None:
        content = content[part.start : part.stop]
        answer["ContentRange"] = f"bytes {part.start}-{part.stop - 1}/{stored.size}"
    answer["ContentLength"] = len(content)
    answer["Body"] = StreamingBody(io.BytesIO(content), len(content))
    return answer


def _head_object(store: Store, parameters: _Params) -> dict[str, Any]:
    try:
        answer = _get_object(store, parameters)
    except ServiceError as refused:
        raise without_body(refused) from refused
    del answer["Body"]
    return answer


def _read(store: Store, bucket: str, key: str, version: str | None) -> tuple[Stored, bytes]:
    """Give a version with its content; who overwrites it meanwhile does not tear it.

    Raises:
        ServiceError: there is no such object or version, or it is a delete marker.
    """
    seen = None
    while True:
        stored = store.find(bucket, key, version)
        if stored is None and version is not None:
            message = "The specified version does not exist."
            raise ServiceError("NoSuchVersion", message, 404)
        if stored is None or (stored.is_marker and version is None):
            raise no_such_key()
        if stored.is_marker:
            message = "The specified method is not allowed against this resource."
            raise ServiceError("MethodNotAllowed", message, 405)
        content = store.content(stored)
        if content is not None:
            return stored, content
        if seen == stored.number:
            message = f"the content of {key} is gone from the folder of the buckets"
            raise ServiceError("InternalError", message, 500)
        seen = stored.number


def _described(store: Store, stored: Stored, parameters: _Params) -> dict[str, Any]:
    answered = {
        name: _header(given, parameters[given])
        for given, name in _ANSWERED_AS.items()
        if given in parameters
    }
    return {
        "AcceptRanges": "bytes",
        "LastModified": stored.modified_at.replace(microsecond=0),
        "ETag": stored.etag,
        "Metadata": dict(stored.metadata),
        "ContentType": CONTENT_TYPE,
        **_versioned(store, stored),
        **stored.headers,
        **answered,
    }


def _range(asked: str | None, size: int) -> range | None:
    found = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", asked or "", re.ASCII)
    if found is None or found[0] == "bytes=-":
        return None
    if not found[1]:
        start, stop = max(0, size - int(found[2])), size
    else:
        start = int(found[1])
        if found[2] and int(found[2]) < start:
            return None
        stop = min(size, int(found[2]) + 1) if found[2] else size
    if start >= stop:
        raise ServiceError("InvalidRange", "The requested range is not satisfiable", 416)
    return range(start, stop)


# ---------------------------------------------------------------------- what comes with a content
def _content(body: Any) -> bytes:
    """Give the bytes of whatever boto3 takes as a body."""
    if isinstance(body, str):
        return body.encode()
    content = body if isinstance(body, bytes | bytearray) else body.read()
    return content.encode() if isinstance(content, str) else bytes(content)


def _crc32(content: bytes) -> bytes:
    return zlib.crc32(content).to_bytes(4, "big")


_DIGESTS: Mapping[str, Callable[[bytes], bytes]] = {
    "ContentMD5": lambda content: hashlib.md5(content, usedforsecurity=False).digest(),
    "ChecksumCRC32": _crc32,
    "ChecksumSHA1": lambda content: hashlib.sha1(content, usedforsecurity=False).digest(),
    "ChecksumSHA256": lambda content: hashlib.sha256(content).digest(),
}


def _check_digests(content: bytes, parameters: _Params) -> None:
    for name, digest in _DIGESTS.items():
        if name not in parameters:
            continue
        if base64.b64encode(digest(content)).decode() != parameters[name]:
            message = f"The {name} you specified did not match what we received."
            raise ServiceError("BadDigest", message, 400)


def _headers(parameters: _Params) -> dict[str, str]:
    if parameters.get("ACL", "private") not in {"private", "bucket-owner-full-control"}:
        message = "The bucket does not allow ACLs"
        raise ServiceError("AccessControlListNotSupported", message, 400)
    return {name: _header(name, parameters[name]) for name in KEPT_HEADERS if parameters.get(name)}


def _metadata(parameters: _Params) -> dict[str, str]:
    given = parameters.get("Metadata", {})
    metadata = {name.lower(): _header(name, value) for name, value in given.items()}
    if any(not re.fullmatch(r"[!#$%&'*+.^_`|~\w-]+", name, re.ASCII) for name in metadata):
        raise invalid("a name of the metadata is not one that a header may have")
    if sum(len(name) + len(value) for name, value in metadata.items()) > LARGEST_METADATA:
        message = "Your metadata headers exceed the maximum allowed metadata size"
        raise ServiceError("MetadataTooLarge", message, 400)
    return metadata


def _header(name: str, value: str) -> str:
    """Give a value that goes back as a header, which cannot begin another one."""
    if not (value.isascii() and value.isprintable()):
        raise invalid(f"{name}: a header holds printable signs of ASCII only")
    return value


def _versioned(store: Store, stored: Stored) -> dict[str, str]:
    return {"VersionId": stored.version} if store.status(stored.bucket) else {}


def _encrypted(stored: Stored) -> dict[str, str]:
    names = ("ServerSideEncryption", "SSEKMSKeyId")
    return {name: stored.headers[name] for name in names if name in stored.headers}


def _source(given: str | Mapping[str, str]) -> tuple[str, str, str | None]:
    """Read what is copied: bucket, key and version, as a mapping or as the text of the header."""
    if isinstance(given, Mapping):
        return given["Bucket"], given["Key"], given.get("VersionId")
    path, found, version = given.partition("?versionId=")
    bucket, slash, key = unquote(path, errors="surrogateescape").removeprefix("/").partition("/")
    if not slash or not key:
        raise invalid("Copy Source must mention the source bucket and key: /bucket/key")
    return bucket, key, version if found else None


_OPERATIONS: Mapping[str, tuple[_Operation, set[str]]] = {
    "PutObject": (_put_object, {*_KEEP, "Body", "ContentLength", *_DIGESTS}),
    "CopyObject": (
        _copy_object,
        {
            *_KEEP,
            "CopySource",
            "MetadataDirective",
            *(f"CopySource{condition}" for condition in _CONDITIONS),
        },
    ),
    "GetObject": (_get_object, _READ),
    "HeadObject": (_head_object, _READ),
    "DeleteObject": (_delete_object, {"Bucket", "Key", "VersionId", "IfMatch"}),
    "DeleteObjects": (_delete_objects, {"Bucket", "Delete"}),
    "ListObjectsV2": (
        list_objects,
        {"Bucket", "Prefix", "Delimiter", "MaxKeys", "ContinuationToken", "StartAfter"},
    ),
    "ListObjectVersions": (
        list_versions,
        {"Bucket", "Prefix", "Delimiter", "MaxKeys", "KeyMarker", "VersionIdMarker"},
    ),
}
