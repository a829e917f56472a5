"""Stands for the malware scan of S3: what an object's tags say of it, where a plan protects it.

On AWS a scan takes a while and then leaves its word as a tag of the version that it looked at
(Amazon GuardDuty user guide, Malware Protection for S3). Here the word is there as soon as
somebody asks: the signature that the makers of scanners agreed on for their tests is a threat,
everything else is none. Nobody else can set tags here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from cloud.local.s3.operations import call
from cloud.local.s3.store import Store

STATUS = "GuardDutyMalwareScanStatus"
SIGNATURE = b"EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE"
"""In two parts, so that no scanner takes this file for the test file."""

Scanned = Mapping[str, Sequence[str]]
"""Bucket -> the prefixes of the keys that a plan protects."""


def scanned(plans: Mapping[str, Mapping[str, Any]]) -> Scanned:
    """Give what the plans of a template protect; a plan that does not tag says nothing here."""
    found: dict[str, list[str]] = {}
    for plan in plans.values():
        bucket = plan["ProtectedResource"]["S3Bucket"]
        if plan.get("Actions", {}).get("Tagging", {}).get("Status") == "ENABLED":
            found.setdefault(bucket["BucketName"], []).extend(bucket.get("ObjectPrefixes", [""]))
    return found


def tags_of(store: Store, parameters: Mapping[str, Any], protected: Scanned) -> dict[str, Any]:
    """Answer GetObjectTagging of one version.

    Raises:
        ServiceError: there is no such object or version.
    """
    found = call(store, "GetObject", parameters)
    prefixes = protected.get(parameters["Bucket"], ())
    tags = []
    if any(parameters["Key"].startswith(prefix) for prefix in prefixes):
        is_threat = SIGNATURE in found["Body"].read()
        said = "THREATS_FOUND" if is_threat else "NO_THREATS_FOUND"
        tags.append({"Key": STATUS, "Value": said})
    version = {"VersionId": found["VersionId"]} if "VersionId" in found else {}
    return {**version, "TagSet": tags}
