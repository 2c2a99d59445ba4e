"""What a worker's web server shows, and on which address."""

from __future__ import annotations

import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.errors import ConfigError
from core.settings import Settings, load_settings
from tests.servers.ports import lasting_port
from tests.stream.workers import running_worker

#: Linux answers on all of 127.0.0.0/8: one that is not the usual address.
OTHER = "127.0.0.2"
#: Pages that Faust brings along, with what they would tell a stranger.
OF_FAUST = ("graph", "table", "table/", "router/", "router/topics", "assignment/", "performance/")


def status(host: str, port: int, page: str) -> int | None:
    """HTTP status of a page; None where nobody listens."""
    try:
        with urllib.request.urlopen(f"http://{host}:{port}/{page}", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code
    except urllib.error.URLError:
        return None


@pytest.fixture
def port(
    settings: Settings, tmp_path: Path, install_model: Callable[[Settings], None]
) -> Iterator[int]:
    """Of a worker that serves on an address other than the usual one."""
    if not sys.platform.startswith("linux"):
        pytest.skip(f"{OTHER} is an address of this machine on Linux alone")
    install_model(settings)
    number = lasting_port()
    given = {"FRAUDSTREAM_METRICS_HOST": OTHER, "FRAUDSTREAM_METRICS_PORT": str(number)}
    with running_worker(settings, tmp_path / "worker.log", **given) as worker:
        deadline = time.monotonic() + 60
        while status(OTHER, number, "metrics") is None:
            assert worker.process.poll() is None, worker.log.read_text()
            assert time.monotonic() < deadline, worker.log.read_text()
            time.sleep(0.05)
        yield number


@pytest.mark.integration
def test_metrics_are_served_on_the_address_that_is_set_and_faust_s_own_pages_are_not(
    port: int,
) -> None:
    assert status(OTHER, port, "metrics") == 200
    assert status("127.0.0.1", port, "metrics") is None
    assert status(OTHER, port, "") == 200
    assert {page: status(OTHER, port, page) for page in OF_FAUST} == dict.fromkeys(OF_FAUST, 404)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::"])  # noqa: S104
def test_an_address_is_taken(host: str) -> None:
    assert load_settings(metrics_host=host).metrics_host == host


@pytest.mark.parametrize("host", ["worker", "127.0.0", "127.0.0.1:6066", "*", "[::1]"])
def test_whatever_is_no_address_is_refused_with_what_would_be(host: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_settings(metrics_host=host)
    text = str(refused.value)
    assert text.startswith(f"setting FRAUDSTREAM_METRICS_HOST={host!r}")
    assert "127.0.0.1" in text.partition(":")[2]


def test_an_empty_value_counts_as_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUDSTREAM_METRICS_HOST", "")
    assert load_settings().metrics_host == "127.0.0.1"
