"""Serving the views: waitress, a production WSGI server in Python (docs/adr/0008).

It stops in good order on SIGTERM and SIGINT: requests that are being answered are finished.
"""

from __future__ import annotations

import errno
import gc
import logging
import signal
import sys
from collections.abc import Callable
from types import FrameType

from flask import Flask
from waitress.server import create_server  # type: ignore[import-untyped]

from core.errors import ConfigError
from core.settings import Settings
from views.api.guard import check_exposure
from views.api.security import MAX_BODY

#: Python runs one at a time, but most of a prediction is another process's and Redis's: with few,
#: all of them would wait for that together, and it then for all of them.
THREADS = 16
#: How long a thread may run while another waits; the default of 5 ms is most of a p99.
SWITCH_INTERVAL_S = 0.0005
_CHANNEL_TIMEOUT_S = 60
_MOST_CONNECTIONS = 500


def serve(app: Flask, settings: Settings, announce: Callable[[str], None]) -> None:
    """Answer requests until SIGTERM or SIGINT.

    Args:
        app: what answers.
        settings: where to listen; port 0 is a free one.
        announce: told the address once it is listened on.

    Raises:
        ConfigError: others could reach it and there is no token, or the address cannot be had.
    """
    check_exposure(settings)
    host, port = settings.views_host, settings.views_port
    try:
        server = create_server(
            app,
            host=host,
            port=port,
            threads=THREADS,
            ident=None,  # what serves is nobody's business
            channel_timeout=_CHANNEL_TIMEOUT_S,
            connection_limit=_MOST_CONNECTIONS,
            # A bit more than the app takes, so that it is the app that refuses, with a problem.
            max_request_body_size=2 * MAX_BODY,
        )
    except OSError as error:
        raise ConfigError(_why_not(error, host, port)) from None
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a short queue is no news
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    # What is there by now stays: looking through it again and again took 80 ms each time.
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGTERM, _stop)
    shown = f"[{host}]" if ":" in host else host
    announce(f"http://{shown}:{server.effective_port}/")
    try:
        server.run()  # finishes what is being answered, on SystemExit and KeyboardInterrupt
    finally:
        server.close()


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} of {host} is taken: stop what listens there, or choose another with "
            "--port or FRAUDSTREAM_VIEWS_PORT (0 = a free one)"
        )
    return (
        f"cannot listen on {host}:{port} ({error.strerror or error}): choose another address with "
        "--host and --port"
    )
