"""What every route has in common, put into the description that is made of the routes."""

from typing import Any

KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "A value of your own, new for each command.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[!-~]+$"},
}
VERSION = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The version that is meant, as ETag told it.",
    "schema": {"type": "string", "pattern": r'^"[0-9]{1,9}"$'},
}
TOKENS = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "An access token of the client credentials flow.",
}


def completed(described: dict[str, Any]) -> dict[str, Any]:
    """Give the description with the token, and each command with its key and version."""
    described.setdefault("components", {})["securitySchemes"] = {"Tokens": TOKENS}
    described["security"] = [{"Tokens": []}]
    for methods in described["paths"].values():
        for method, operation in methods.items():
            added = [KEY, VERSION] if method == "post" else []
            operation["parameters"] = [*operation.get("parameters", []), *added]
    return described
