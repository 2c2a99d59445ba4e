"""Processor time of whole process trees."""

from __future__ import annotations

import psutil


def tree_seconds(process: psutil.Process) -> float:
    """User and system time of a process and all its descendants, those that ended included."""
    seconds = 0.0
    for one in (process, *process.children(recursive=True)):
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:  # it has just ended: its parent knows its time
            continue
        seconds += times.user + times.system
        seconds += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return seconds
