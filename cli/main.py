"""The ``fraudstream`` command: assembles the commands and turns errors into one line.

Exit codes: 0 ok, 1 failed, 2 wrong use, 130 interrupted.
"""

from __future__ import annotations

import sys

from cli.lazy import lazy_group
from core.errors import FraudstreamError
from core.logs import set_up_logging
from core.settings import load_settings

INTERRUPTED = 130

data = lazy_group(
    "Historical CSV files: check them, explore them, make samples.",
    {
        "check": "cli.data_check:check",
        "profile": "cli.data_profile:profile_file",
        "sample": "cli.data_sample:sample",
        "collect": "cli.data_collect:collect",
    },
)

app = lazy_group(
    "Real-time fraud scoring on Kafka: exact velocity features in Redis, an ONNX model, "
    "alerts out.",
    {
        "doctor": "cli.doctor:doctor",
        "demo": "cli.demo:demo",
        "features": "cli.feature_file:features",
        "train": "cli.train:train",
        "score": "cli.score:score",
        "backtest": "cli.backtest:backtest",
        "drift": "cli.drift:drift",
        "replay": "cli.replay:replay",
        "labels": "cli.labels:labels",
        "worker": "cli.worker:worker",
        "alerts": "cli.alerts:alerts",
        "views": "cli.views:views",
        "performance": "cli.performance:performance",
        "forget": "cli.forget:forget",
        "stack": "cli.stack:app",
        "data": "cli.main:data",
        "models": "cli.models:app",
        "rules": "cli.rules:app",
        "lists": "cli.lists:app",
        "dlq": "cli.dlq:app",
        "cases": "cli.cases:app",
        "metrics": "cli.metrics:app",
    },
    name="fraudstream",
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Entry point of the console script."""
    try:
        set_up_logging(load_settings())
        app()
    except FraudstreamError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - this is the command line
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of a pipe went away: nobody is left to tell
        sys.exit(0)


if __name__ == "__main__":
    main()
