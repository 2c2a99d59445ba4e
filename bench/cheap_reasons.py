"""The worker with the reasons that ask no model: what TreeSHAP is measured against."""

from __future__ import annotations

import sys

from stream import decisions
from stream.__main__ import main

if __name__ == "__main__":
    decisions.MOST_EXPLAINED = 0
    sys.exit(main())
