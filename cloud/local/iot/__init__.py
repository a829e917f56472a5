"""IoT Core's rules engine and its way down to the devices.

Only what a template uses is understood; anything else is an error when it is read.
"""

from cloud.local.iot.control import ControlPlane
from cloud.local.iot.data import DataPlane
from cloud.local.iot.provisioning import Provisioning, ProvisioningTemplate
from cloud.local.iot.registry import Registry
from cloud.local.iot.rules import (
    Routed,
    SqsAction,
    TopicRule,
    carry_out,
    error_document,
    route,
)
from cloud.local.iot.sql import SQL_VERSION, UNDEFINED, Arrival, Query, parse_sql

__all__ = [
    "SQL_VERSION",
    "UNDEFINED",
    "Arrival",
    "ControlPlane",
    "DataPlane",
    "Provisioning",
    "ProvisioningTemplate",
    "Query",
    "Registry",
    "Routed",
    "SqsAction",
    "TopicRule",
    "carry_out",
    "error_document",
    "parse_sql",
    "route",
]
