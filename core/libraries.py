"""Libraries that a process has no use for.

XGBoost imports scikit-learn wherever it is installed, for classes that only training uses. A worker
that explains its alerts would pay for that with two seconds at its start and 100 MB of memory.
"""

from __future__ import annotations

import sys

TRAINING = "sklearn"


def leave_out(library: str) -> None:
    """Make a library look as if it were not installed, unless it is imported already.

    For the start of a process, before anything that looks for it is imported: the import system
    takes None in ``sys.modules`` for "there is none" (docs.python.org/3/reference/import.html).
    """
    sys.modules.setdefault(library, None)  # type: ignore[arg-type]
