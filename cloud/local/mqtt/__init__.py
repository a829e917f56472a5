"""The MQTT listener that stands in for AWS IoT Core: acknowledged means committed."""
