"""Small CSV files as shops and banks export them, and the command that replays them."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.settings import Settings

ROOT = Path(__file__).parents[2]
_HEADER = (
    "user_id,signup_time,purchase_time,purchase_value,device_id,source,browser,sex,age,"
    "ip_address,class"
)
_START = datetime(2015, 1, 1, tzinfo=UTC)


def write_ecommerce(path: Path, rows: int, *, broken: int = 0) -> Path:
    """``rows`` good lines a minute apart, newest first, and ``broken`` ones with a bad amount."""
    lines = [_HEADER]
    for i in reversed(range(rows)):
        bought = _START + timedelta(minutes=i)
        signed_up = bought - timedelta(days=1)
        lines.append(
            f"{i % 97},{signed_up:%Y-%m-%d %H:%M:%S},{bought:%Y-%m-%d %H:%M:%S},"
            f"{10 + i % 90},D{i % 31},SEO,Chrome,F,30,732758368.79972,{int(i % 10 == 0)}"
        )
    lines += [
        "1,2015-01-01 00:00:00,2015-01-02 00:00:00,much,D1,SEO,Chrome,F,30,732758368.8,0"
    ] * broken
    path.write_text("\n".join(lines) + "\n")
    return path


def environment(settings: Settings) -> dict[str, str]:
    """What a child process needs to reach the servers of the test."""
    return {
        **os.environ,
        "FRAUDSTREAM_KAFKA": settings.kafka,
        "FRAUDSTREAM_NAMESPACE": settings.namespace,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    }


def start_replay(settings: Settings, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """``fraudstream replay`` in ``folder``, where its checkpoints then lie."""
    return subprocess.Popen(
        [sys.executable, "-m", "cli", "replay", *arguments],
        cwd=folder,
        env=environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_replay(
    settings: Settings, folder: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """``start_replay`` to its end."""
    process = start_replay(settings, folder, *arguments)
    out, errors = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, out, errors)
