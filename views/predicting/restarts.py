"""When a process that died is started again."""

from __future__ import annotations

_FIRST_S = 1.0
_LONGEST_S = 30.0
#: A process that ran for so long had started well.
_RAN_WELL_S = 60.0


class Pauses:
    """Pauses before a start, each twice as long as the one before, until one runs well."""

    def __init__(self) -> None:
        self._next_s = _FIRST_S

    def after(self, ran_s: float) -> float:
        """Seconds to wait after a process that ran for so long."""
        pause = _FIRST_S if ran_s > _RAN_WELL_S else self._next_s
        self._next_s = min(2 * pause, _LONGEST_S)
        return pause
