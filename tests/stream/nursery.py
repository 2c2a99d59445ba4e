"""``python -m tests.stream.nursery``: workers that need not import and warm up each for itself.

Half of the processor time of a scenario that kills twenty workers would go into starting them.
This process does once what all of them do first, and then forks one whenever it is asked; from
there on each is what ``python -m stream`` makes of it. ``IMPATIENT`` in its environment, where
there, is a JSON object of Faust settings that replace those of the product (it waits ten seconds
before it gives up a member of its group, and minutes before it gives up a request). ``POOR``,
where there, holds the arguments of ``poor_worker.work_poorly``.

Protocol, one JSON object a line. In: ``{"environment": {…}, "log": path}``. Out: ``{"pid": …}`` in
answer, and ``{"pid": …, "code": …}`` when a worker ended.
"""

from __future__ import annotations

import json
import logging
import os
import selectors
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any

from core.libraries import TRAINING, leave_out

leave_out(TRAINING)  # as the program does, before anything is imported that looks for it

# ruff: noqa: E402
from features.batch import empty_batch
from features.countries import load_country_table
from features.offline import compute_features
from stream import (
    app,
    worker,  # noqa: F401 - what every worker imports
)
from stream.__main__ import main as stream_main
from tests.stream.poor_worker import work_poorly

EXIT_CRASHED = 1


class ImpatientApp(app.WorkerApp):
    """The worker's app with other settings."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **{**settings, **json.loads(os.environ.get("IMPATIENT", "{}"))})


def be_a_worker(environment: dict[str, str], log: Path) -> None:
    """What a forked process does."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(environment)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.chdir(log.parent)
    sys.argv[1:] = []
    app.WorkerApp = ImpatientApp  # type: ignore[misc]
    code = EXIT_CRASHED
    try:
        work_poorly(**json.loads(environment.get("POOR", "{}")))
        code = stream_main()
    except BaseException:
        traceback.print_exc()
    finally:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        # Libraries in C++ would look for threads that only their parent has.
        os._exit(code)


def main() -> int:
    """Serve until nobody is there to ask; then end every worker."""
    compute_features(empty_batch("ecommerce"), load_country_table(None))
    children: set[int] = set()
    wake, woken = socket.socketpair()
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        waiting = b""
        while True:
            for key, _ in selector.select():
                if key.fileobj is woken:
                    woken.recv(4096)
                    _tell_the_ended(children)
                    continue
                data = os.read(sys.stdin.fileno(), 1 << 20)
                if not data:
                    for pid in children:
                        os.kill(pid, signal.SIGKILL)
                    return 0
                *orders, waiting = (waiting + data).split(b"\n")
                for order in map(json.loads, orders):
                    pid = os.fork()
                    if pid == 0:
                        be_a_worker(order["environment"], Path(order["log"]))
                    children.add(pid)
                    _tell(pid=pid)


def _tell_the_ended(children: set[int]) -> None:
    for pid in list(children):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            children.discard(pid)
            _tell(pid=pid, code=os.waitstatus_to_exitcode(status))


def _tell(**content: int) -> None:
    os.write(sys.stdout.fileno(), json.dumps(content).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main())
