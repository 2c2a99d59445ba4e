"""A worker has no use for the libraries of training, and does without them."""

from __future__ import annotations

import subprocess
import sys

from tests.stream.forked import ROOT, bare_environment

PROGRAM = """
import sys
from core.libraries import TRAINING, leave_out
leave_out(TRAINING)
import stream.worker, views.predicting.predict
assert sys.modules[TRAINING] is None
assert not [name for name in sys.modules if name.startswith(TRAINING + ".")]
try:
    import sklearn
except ImportError:
    print("none")
"""


def run(program: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=bare_environment(), capture_output=True,
        text=True, check=True,
    ).stdout  # fmt: skip


def test_a_worker_starts_without_the_libraries_of_training() -> None:
    assert run(PROGRAM) == "none\n"


def test_what_is_imported_already_stays() -> None:
    import sklearn

    from core.libraries import TRAINING, leave_out

    leave_out(TRAINING)
    assert sys.modules[TRAINING] is sklearn
