"""Pages of a bucket's content (Amazon S3 API reference, ListObjectsV2 and ListObjectVersions)."""

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from cloud.local.s3.errors import invalid
from cloud.local.s3.store import Store, Stored

LARGEST_PAGE = 1000


@dataclass(slots=True)
class _Page:
    """What one answer holds: objects, and groups of keys that agree up to the delimiter."""

    objects: list[Stored] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    is_truncated: bool = False

    @property
    def count(self) -> int:
        """Give how many entries it has; a group counts as one."""
        return len(self.objects) + len(self.groups)


def list_objects(store: Store, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Answer ListObjectsV2."""
    prefix, delimiter = parameters.get("Prefix") or "", parameters.get("Delimiter") or ""
    limit, text = _limit(parameters), _encoding(parameters)
    token, start = parameters.get("ContinuationToken"), parameters.get("StartAfter") or ""
    after = start if token is None else _position(token)
    found = store.latest(parameters["Bucket"], after=after, prefix=prefix)
    if token is not None and delimiter:
        # The page before may have ended with a whole group.
        found = (one for one in found if _group(one.key, prefix, delimiter) != after)
    page = _page(found, prefix=prefix, delimiter=delimiter, limit=limit)
    answer: dict[str, Any] = {
        "Name": parameters["Bucket"],
        "Prefix": text(prefix),
        "MaxKeys": limit,
        "KeyCount": page.count,
        "IsTruncated": page.is_truncated,
        **_asked(parameters, text, "Delimiter", "StartAfter"),
    }
    if token is not None:
        answer["ContinuationToken"] = token
    if page.is_truncated:
        last = max([one.key for one in page.objects[-1:]] + page.groups[-1:])
        answer["NextContinuationToken"] = base64.urlsafe_b64encode(last.encode()).decode()
    if page.objects:
        answer["Contents"] = [
            {
                "Key": text(one.key),
                "LastModified": one.modified_at,
                "ETag": one.etag,
                "Size": one.size,
                "StorageClass": "STANDARD",
            }
            for one in page.objects
        ]
    return answer | _groups(page, text)


def list_versions(store: Store, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Answer ListObjectVersions."""
    prefix, delimiter = parameters.get("Prefix") or "", parameters.get("Delimiter") or ""
    limit, text = _limit(parameters), _encoding(parameters)
    key, version = parameters.get("KeyMarker") or "", parameters.get("VersionIdMarker") or ""
    if version and not key:
        raise invalid("A version-id marker cannot be specified without a key marker.")
    found = _beyond(store.versions(parameters["Bucket"], prefix=prefix), key, version)
    if delimiter:
        found = (one for one in found if _group(one.key, prefix, delimiter) != key)
    page = _page(found, prefix=prefix, delimiter=delimiter, limit=limit)
    answer: dict[str, Any] = {
        "Name": parameters["Bucket"],
        "Prefix": text(prefix),
        "KeyMarker": text(key),
        "VersionIdMarker": version,
        "MaxKeys": limit,
        "IsTruncated": page.is_truncated,
        **_asked(parameters, text, "Delimiter"),
    }
    if page.is_truncated:
        last = page.objects[-1] if page.objects else None
        if last is not None and not (page.groups and page.groups[-1] > last.key):
            answer |= {"NextKeyMarker": text(last.key), "NextVersionIdMarker": last.version}
        else:
            answer["NextKeyMarker"] = text(page.groups[-1])
    versions = [_version(one, text) for one in page.objects if not one.is_marker]
    markers = [_marker(one, text) for one in page.objects if one.is_marker]
    if versions:
        answer["Versions"] = versions
    if markers:
        answer["DeleteMarkers"] = markers
    return answer | _groups(page, text)


_Text = Callable[[str], str]


def _page(found: Iterable[Stored], *, prefix: str, delimiter: str, limit: int) -> _Page:
    page = _Page()
    if limit == 0:
        return page
    for one in found:
        group = _group(one.key, prefix, delimiter)
        if group is not None and page.groups[-1:] == [group]:
            continue
        if page.count == limit:
            page.is_truncated = True
            break
        if group is None:
            page.objects.append(one)
        else:
            page.groups.append(group)
    return page


def _group(key: str, prefix: str, delimiter: str) -> str | None:
    """Give the part of a key that stands for all that agree up to the delimiter, if it has one."""
    if not delimiter:
        return None
    head, found, _ = key[len(prefix) :].partition(delimiter)
    return prefix + head + found if found else None


def _beyond(found: Iterable[Stored], key: str, version: str) -> Iterator[Stored]:
    """Give what comes after a version of a key, or after all versions of it."""
    is_reached = False
    for one in found:
        if one.key > key or (one.key == key and is_reached):
            yield one
        elif one.key == key and version and one.version == version:
            is_reached = True


def _limit(parameters: Mapping[str, Any]) -> int:
    given = parameters.get("MaxKeys")
    limit = LARGEST_PAGE if given is None else int(given)
    if limit < 0:
        raise invalid("Argument maxKeys must be an integer between 0 and 2147483647")
    return min(limit, LARGEST_PAGE)


def _position(token: str) -> str:
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        raise invalid("The continuation token provided is incorrect") from None


def _encoding(parameters: Mapping[str, Any]) -> _Text:
    """Give how keys are told: boto3 asks for them in percent code, and takes it off by itself."""
    encoding = parameters.get("EncodingType")
    if encoding not in {None, "url"}:
        raise invalid("Invalid Encoding Method specified in Request")
    return str if encoding is None else (lambda text: quote(text, safe="/"))


def _asked(parameters: Mapping[str, Any], text: _Text, *names: str) -> dict[str, str]:
    said = {name: text(parameters[name]) for name in names if parameters.get(name)}
    encoding = parameters.get("EncodingType")
    return said | ({"EncodingType": encoding} if encoding else {})


def _groups(page: _Page, text: _Text) -> dict[str, Any]:
    if not page.groups:
        return {}
    return {"CommonPrefixes": [{"Prefix": text(group)} for group in page.groups]}


def _marker(one: Stored, text: _Text) -> dict[str, Any]:
    return {
        "Key": text(one.key),
        "VersionId": one.version,
        "IsLatest": one.is_latest,
        "LastModified": one.modified_at,
    }


def _version(one: Stored, text: _Text) -> dict[str, Any]:
    content = {"ETag": one.etag, "Size": one.size, "StorageClass": "STANDARD"}
    return _marker(one, text) | content
