"""Deploys the translated template to moto, and prints what moto lacks of it."""

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

from cloud.local.template import REGION, translate
from infra.deploying import Deployment, create, kinds, take_out

TEMPLATE = Path(__file__).parent.parent / "template.yaml"
_MOST_TRIES = 20


def deploy() -> Deployment:
    """Deploy the template to a moto of its own, which is gone afterwards.

    Raises:
        RuntimeError: it is refused for something else than what moto cannot make.
    """
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ[name] = "none"  # nothing may leave, and nothing of this machine's may be used
    os.environ["AWS_DEFAULT_REGION"] = REGION
    from moto import mock_aws  # noqa: PLC0415 - slow

    document = translate(TEMPLATE.read_bytes(), name=TEMPLATE.name)
    given, refused = json.loads(json.dumps(document)), list[str]()
    while len(refused) < _MOST_TRIES:
        with (
            warnings.catch_warnings(),
            mock_aws(config={"iam": {"load_aws_managed_policies": True}}),
        ):
            warnings.simplefilter("ignore")  # moto warns of what it skips: the table has it
            lacking = create(_client, given, b"")
            if not lacking:
                return Deployment(kinds(_client, document), tuple(refused))
        refused += lacking
        given = take_out(given, lacking)
    msg = f"deploying to moto: it refused the stack for {', '.join(refused)}; read what it says"
    raise RuntimeError(msg)


def _client(service: str) -> Any:
    import boto3  # noqa: PLC0415 - after the names that it reads

    return boto3.client(service, region_name=REGION)


def main() -> int:
    """Print the table."""
    deployment = deploy()
    sys.stdout.write(deployment.table())
    sys.stdout.write(f"refused at first: {', '.join(deployment.refused) or 'nothing'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
