"""A broker of the tests' own, which can be killed and frozen, with a proxy on the workers' way."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

from stack.kafka import Kafka
from stack.ports import LOOPBACK
from stack.service import NotReadyError
from tests.servers.kafka_proxy import KafkaProxy
from tests.servers.ports import lasting_port

_START_S = 90.0
#: Nobody measures it; the better compiler takes more than it gives in so short a life.
_QUICK = ("-XX:TieredStopAtLevel=1",)


class OwnKafka:
    """One broker with two listeners: tests come directly, workers through ``proxy``.

    It keeps its data, its ports and its cluster id when it is killed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._service = Kafka()
        self._port = lasting_port()
        self._inner_port = lasting_port()
        self.proxy = KafkaProxy(self._inner_port)
        self.start()

    @property
    def address(self) -> str:
        """For tests, whatever the proxy does."""
        return self._service.address(self._port)

    @property
    def proxied(self) -> str:
        """For workers: the broker names the proxy as its address, so they never find a way by."""
        return self._service.address(self.proxy.port)

    def start(self) -> None:
        """Start it, again if need be, and wait until it answers."""
        command = self._service.prepare(self._folder, self._port, lambda _: None)
        with (self._folder / "server.properties").open("a", encoding="utf-8") as settings:
            settings.write(self._second_listener())
        with (self._folder / "log").open("ab") as log:
            java, *arguments = command.argv
            self.process = subprocess.Popen(
                [java, *_QUICK, *arguments], env=command.environ,
                stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        deadline = time.monotonic() + _START_S
        while True:
            assert self.process.poll() is None, (self._folder / "log").read_text()[-4000:]
            try:
                self._service.probe(self._folder, self._port)
                return
            except NotReadyError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.thaw()
        self.kill()
        self.proxy.close()

    def _second_listener(self) -> str:
        # Of two lines for one setting the last one counts.
        written = (self._folder / "server.properties").read_text(encoding="utf-8")
        settings = dict(line.split("=", 1) for line in written.splitlines())
        advertised = settings["advertised.listeners"]
        return "\n".join(
            (
                f"listeners={settings['listeners']},PROXIED://{LOOPBACK}:{self._inner_port}",
                f"advertised.listeners={advertised},PROXIED://{LOOPBACK}:{self.proxy.port}",
                "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,"
                "CONTROLLER:PLAINTEXT",
                # So that the loss of a member need not be waited for as long as in production.
                "group.min.session.timeout.ms=1000",
                # A killed broker is let back in when its session, 9 s by default, is over; its own
                # silence while frozen is far shorter than what tests wait for its members.
                "broker.session.timeout.ms=2000",
                "broker.heartbeat.interval.ms=500",
                # So that a test can take a right away.
                "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "allow.everyone.if.no.acl.found=true",
                "",
            )
        )
