"""The ``fraudstream`` command: assembles the commands and turns errors into one line.

Exit codes: 0 ok, 1 failed, 2 wrong use, 130 interrupted.
"""

from __future__ import annotations

import sys

import typer

from cli import cases, dlq, lists, metrics, models, rules, stack
from cli.alerts import alerts
from cli.backtest import backtest
from cli.data_check import check
from cli.data_collect import collect
from cli.data_profile import profile_file
from cli.data_sample import sample
from cli.demo import demo
from cli.doctor import doctor
from cli.drift import drift
from cli.feature_file import features
from cli.forget import forget
from cli.labels import labels
from cli.performance import performance
from cli.replay import replay
from cli.score import score
from cli.train import train
from cli.views import views
from cli.worker import worker
from core.errors import FraudstreamError
from core.logs import set_up_logging
from core.settings import load_settings

INTERRUPTED = 130

app = typer.Typer(
    name="fraudstream",
    help="Real-time fraud scoring on Kafka: exact velocity features in Redis, an ONNX model, "
    "alerts out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data = typer.Typer(
    help="Historical CSV files: check them, explore them, make samples.", no_args_is_help=True
)
data.command("check")(check)
data.command("profile")(profile_file)
data.command("sample")(sample)
data.command("collect")(collect)

app.add_typer(stack.app, name="stack")
app.add_typer(data, name="data")
app.add_typer(models.app, name="models")
app.add_typer(rules.app, name="rules")
app.add_typer(lists.app, name="lists")
app.add_typer(dlq.app, name="dlq")
app.add_typer(cases.app, name="cases")
app.add_typer(metrics.app, name="metrics")
for command in (
    doctor,
    demo,
    features,
    train,
    score,
    backtest,
    drift,
    replay,
    labels,
    worker,
    alerts,
    views,
    performance,
    forget,
):
    app.command(command.__name__)(command)


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
