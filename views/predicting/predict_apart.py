"""A predictor in a process of its own: Python runs one thread of a process at a time.

What Flask does for a request and what a prediction takes are about as long. In one process they
wait for each other; in two they do not, on two cores. Requests that come while others are being
predicted are predicted together next, so the other process is asked one thing at a time, by a pipe.

It ends when the pipe does, however that comes about. Should it die, requests are told so, and it is
started again, each time after a longer while.
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from core.errors import FraudstreamError, RejectedEvent, StateError
from core.libraries import TRAINING, leave_out
from core.logs import set_up_logging
from core.names import PROFILES
from core.settings import Settings
from views.predicting.grouped import Grouped
from views.predicting.prediction import GROUP, Asked, Predicted
from views.predicting.restarts import Pauses

_log = logging.getLogger(__name__)
_STOP_S = 5.0


class PredictorApart:
    """``views.predicting.prediction.Predicts`` over the live state, by another process.

    Args:
        settings: registry, Redis, IP table, lists, thresholds.

    Raises:
        ModelError, RulesError, StateError: as of ``Predictor``.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._context = multiprocessing.get_context("spawn")
        self._asking = threading.Lock()
        self._closed = threading.Event()
        self._pipe: Connection | None = None
        self._pauses = Pauses()
        self._grouped = {
            profile: Grouped(partial(self._ask, profile), GROUP) for profile in PROFILES
        }
        self._start()

    @property
    def pid(self) -> int | None:
        """Of the other process."""
        return self._process.pid

    def predict(
        self, profile: str, raw: Sequence[bytes], now_ms: int
    ) -> list[Predicted | RejectedEvent]:
        """See ``views.predicting.prediction.Predicts``."""
        return self._grouped[profile]([(one, now_ms) for one in raw])

    def close(self) -> None:
        """End the other process."""
        self._closed.set()
        with self._asking:
            if self._pipe is not None:
                self._pipe.close()
                self._pipe = None
        self._process.join(_STOP_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _start(self) -> None:
        """Start a process and wait until it can predict."""
        pipe, theirs = self._context.Pipe()
        self._process = self._context.Process(
            target=_predict_until_closed, args=(theirs, self._settings), daemon=True
        )
        self._process.start()
        theirs.close()
        self._began = time.monotonic()
        try:
            error = pipe.recv()
        except EOFError:
            error = StateError("the process that predicts ended while it started; see the log")
        if error is not None:
            pipe.close()
            self._process.join()
            raise error
        self._pipe = pipe

    def _ask(self, profile: str, asked: list[Asked]) -> list[Predicted | RejectedEvent]:
        with self._asking:
            if self._pipe is None:
                raise _away()
            try:
                self._pipe.send((profile, asked))
                answer = self._pipe.recv()
            except (EOFError, OSError):
                self._pipe.close()
                self._pipe = None
                if not self._closed.is_set():
                    threading.Thread(target=self._start_again, daemon=True).start()
                raise _away() from None
        if isinstance(answer, Exception):
            raise answer
        found: list[Predicted | RejectedEvent] = answer
        return found

    def _start_again(self) -> None:
        while True:
            self._process.join()
            pause = self._pauses.after(time.monotonic() - self._began)
            _log.error(
                "the process that predicts ended with %s; it is started again in %.0f s",
                self._process.exitcode, pause,
            )  # fmt: skip
            if self._closed.wait(pause):
                return
            with self._asking:
                if self._closed.is_set():
                    return
                try:
                    self._start()
                except FraudstreamError as error:
                    _log.error("it cannot start: %s", error)
                else:
                    return


def _away() -> StateError:
    return StateError("the process that predicts has ended and is started again: try again soon")


def _predict_until_closed(pipe: Connection, settings: Settings) -> None:
    """What the other process does."""
    # Ctrl-C reaches it too; it ends when the one that it works for does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    set_up_logging(settings)
    leave_out(TRAINING)
    from features.countries import load_country_table
    from views.predicting.past import LivePast
    from views.predicting.predict import Predictor

    with suppress(EOFError, OSError):  # the other end is closed
        try:
            countries = load_country_table(settings.ip_table)
            predictor = Predictor(settings, countries, LivePast(settings), lists=True)
        except FraudstreamError as error:
            pipe.send(error)
            return
        predictor.follow()
        # What is there by now stays: not to be looked through while somebody waits.
        gc.collect()
        gc.freeze()
        pipe.send(None)
        while True:
            profile, asked = pipe.recv()
            pipe.send(_answer(predictor.together, profile, asked))


def _answer(predict: Any, profile: str, asked: list[Asked]) -> Any:
    try:
        return predict(profile, asked)
    except FraudstreamError as error:
        return error
    except Exception as error:
        _log.exception("a prediction failed")
        return RuntimeError(str(error))
