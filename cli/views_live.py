"""The views over the stream: the read model, its projector beside the server, and predictions.

The projector is a process of its own, so that a burst of scores does not hold up answers, and so is
what predicts. Should one die, it is started again, each time after a longer while.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
import uuid

import typer

from cli.stopping import stop_on_signals
from core.settings import Settings
from views.predicting.restarts import Pauses

_log = logging.getLogger(__name__)
_STOP_S = 15.0


def serve_live(settings: Settings, *, rebuild: bool, with_projector: bool) -> None:
    """Serve the read model until stopped.

    Args:
        settings: of everything.
        rebuild: whether the read model is made anew first.
        with_projector: whether it is kept up here.

    Raises:
        ConfigError: the address cannot be had.
        ModelError, StateError: the IP table or Redis is unfit.
    """
    from views.api.guard import check_exposure
    from views.handling.work import work_on
    from views.predicting.predict_apart import PredictorApart
    from views.readmodel.redis_store import RedisStore
    from views.serving.app import create_app
    from views.serving.server import serve

    check_exposure(settings)
    predictor = PredictorApart(settings)
    child = Projector(settings, rebuild=rebuild) if with_projector else None

    def announce(address: str) -> None:
        # Not before the address is had: a second server on a taken port starts nothing.
        if child is not None:
            child.start()
        typer.echo(f"views of namespace {settings.namespace}: {address}")

    try:
        store = RedisStore(settings)
        app = create_app(store, settings, predictor, work=work_on(store, settings))
        serve(app, settings, announce)
    finally:
        if child is not None:
            child.stop()
        predictor.close()


def project(settings: Settings, *, rebuild: bool, member: str = "") -> int:
    """Keep the read model up until SIGTERM or SIGINT; returns the exit code of the process.

    Args:
        settings: of everything.
        rebuild: whether the read model is made anew first.
        member: name of this projector in its consumer group, given by the server that has started
            it: it ends with that one, at the latest when its standard input does. Empty: it has
            none.
    """
    from views.readmodel.projector import run_projector

    left = threading.Event()
    if member:
        threading.Thread(target=_watch_input, args=(left,), daemon=True).start()
    with stop_on_signals() as asked:
        run_projector(
            settings, lambda: not (asked() or left.is_set()), rebuild=rebuild, member=member
        )
    return 0


def _watch_input(ended: threading.Event) -> None:
    """Say when standard input ends: who holds its other end is gone, however that came about."""
    while os.read(0, 1):
        pass
    ended.set()


class Projector(threading.Thread):
    """Runs the projector as a child process, for as long as this one runs.

    Args:
        settings: profile and namespace are handed on; the rest it reads where we did.
        rebuild: whether its first run makes the read model anew.
    """

    def __init__(self, settings: Settings, *, rebuild: bool) -> None:
        super().__init__(name="projector", daemon=True)
        self._command = [
            sys.executable, "-m", "cli", "views", "--projector-only",
            "--namespace", settings.namespace, "--profile", settings.profile,
            # Under the same name it need not wait until its group misses the one before.
            "--member", uuid.uuid4().hex,
        ]  # fmt: skip
        self._first = ["--rebuild"] if rebuild else []
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Start it, and again whenever it ends."""
        pauses = Pauses()
        while True:
            with self._lock:
                if self._stopping.is_set():
                    return
                self._process = subprocess.Popen(
                    [*self._command, *self._first], stdin=subprocess.PIPE
                )
            self._first = []
            began = time.monotonic()
            with self._process:  # which closes its input in the end, too
                code = self._process.wait()
            if self._stopping.is_set():
                return
            wait = pauses.after(time.monotonic() - began)
            _log.error("the projector ended with %d; it is started again in %.0f s", code, wait)
            self._stopping.wait(wait)

    def stop(self) -> None:
        """End it in good order, or by force after a while."""
        self._stopping.set()
        with self._lock:
            process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
