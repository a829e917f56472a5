"""Prints the CloudFormation document that SAM makes of template.yaml, for linting.

cfn-lint sees GetAtt mistakes, time-outs and roles only after the translation.
"""

import json
import sys
from pathlib import Path

from cloud.local.template import translate

TEMPLATE = Path(__file__).parent.parent / "template.yaml"


def main() -> int:
    """Print the translated template as JSON."""
    document = translate(TEMPLATE.read_bytes(), name=TEMPLATE.name)
    json.dump(document, sys.stdout, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
