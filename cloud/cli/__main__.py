"""Lets `python -m cloud.cli` stand for `sunreeve`."""

import sys

from cloud.cli import main

sys.exit(main())
