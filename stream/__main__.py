"""``python -m stream``: run a worker with the settings of the environment.

With arguments they go to Faust's own command line, for example ``python -m stream agents``.
"""

from __future__ import annotations

import sys

from core.errors import FraudstreamError
from core.libraries import TRAINING, leave_out
from core.logs import set_up_logging
from core.settings import load_settings


def main() -> int:
    """Exit code of the process."""
    leave_out(TRAINING)
    from stream.worker import build_worker, run_worker

    try:
        settings = load_settings()
        set_up_logging(settings)
        if len(sys.argv) > 1:
            build_worker(settings).main()
            return 0
        return run_worker(settings)
    except FraudstreamError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - this is the command line
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
