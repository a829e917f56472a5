"""Deploys the translated template to ministack, and prints what that lacks of it.

ministack is AWS's APIs in a process of its own, by others than moto's. `make ministack` puts it
into an environment of its own; this starts it on this machine, for as long as it takes.
"""

import io
import json
import os
import re
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cloud.local.template import REGION, translate
from infra.deploying import STACK, Deployment, create, kinds, take_out

TEMPLATE = Path(__file__).parent.parent / "template.yaml"
_MOST_TRIES = 20
_STARTS_WITHIN_S = 30.0
_MAKES_WITHIN_S = 180.0


def main() -> int:
    """Print the table; the one argument is ministack's executable."""
    (executable,) = sys.argv[1:]
    port = _free_port()
    told = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "IOT_MTLS_ENABLED": "0"}
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    os.environ.update({**keys, "AWS_DEFAULT_REGION": REGION})
    with subprocess.Popen(  # noqa: S603 - what make has just installed
        [executable],
        env={**os.environ, **told},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            _wait(port, server)
            deployment = deploy(f"http://127.0.0.1:{port}")
        finally:
            server.terminate()
    sys.stdout.write(deployment.table())
    sys.stdout.write(f"refused at first: {', '.join(deployment.refused) or 'nothing'}\n")
    return 0


def deploy(address: str) -> Deployment:
    """Deploy the template to a ministack that answers at an address.

    Raises:
        RuntimeError: it is refused for something else than what it cannot make.
    """
    import boto3  # noqa: PLC0415 - after the names that it reads

    def client(service: str) -> Any:
        return boto3.client(service, region_name=REGION, endpoint_url=address)

    document = translate(TEMPLATE.read_bytes(), name=TEMPLATE.name)
    given, refused = json.loads(json.dumps(document)), list[str]()
    while len(refused) < _MOST_TRIES:
        lacking = create(client, given, _nothing()) or _failed(client, given)
        if not lacking:
            return Deployment(kinds(client, document), tuple(refused))
        refused += lacking
        given = take_out(given, lacking)
    msg = f"deploying: it refused the stack for {', '.join(refused)}; read what it says"
    raise RuntimeError(msg)


def _failed(client: Any, document: Mapping[str, Any]) -> list[str]:
    """Wait until the stack is made; give the resources for which it is not, and remove it then.

    Where a resource fails since an attribute of another one is not known, that one is given.

    Raises:
        RuntimeError: it is not made, and nothing says why.
    """
    formation = client("cloudformation")
    until = time.monotonic() + _MAKES_WITHIN_S
    while time.monotonic() < until:
        (stack,) = formation.describe_stacks(StackName=STACK)["Stacks"]
        if stack["StackStatus"] == "CREATE_COMPLETE":
            return []
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            told = formation.describe_stack_events(StackName=STACK)["StackEvents"]
            failed = {
                one["LogicalResourceId"]: str(one.get("ResourceStatusReason", ""))
                for one in told
                if one["ResourceStatus"] == "CREATE_FAILED" and one["LogicalResourceId"] != STACK
            }
            formation.delete_stack(StackName=STACK)
            if not failed:
                msg = f"deploying: it ended as {stack['StackStatus']}"
                raise RuntimeError(msg)
            lacking = []
            for name, why in failed.items():
                sys.stderr.write(f"{name}: {why}\n")
                of = re.search(r"Requested attribute .* in schema for (AWS::\w+::\w+)", why)
                kind = of[1] if of else None
                lacking += [n for n, r in document["Resources"].items() if r["Type"] == kind]
                lacking += [] if of else [name]
            return lacking
        time.sleep(0.5)
    msg = f"deploying: it was not made within {_MAKES_WITHIN_S:.0f} s"
    raise RuntimeError(msg)


def _nothing() -> bytes:
    """Give a zip with a handler that does nothing: this asks what is made, not what it does."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as packed:
        packed.writestr("nothing.py", "def handle(event, context):\n    return None\n")
    return written.getvalue()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < until and server.poll() is None:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    msg = f"starting ministack: it did not answer on port {port} within {_STARTS_WITHIN_S:.0f} s"
    raise RuntimeError(msg)


if __name__ == "__main__":
    sys.exit(main())
