"""What ``fraudstream train`` is asked for: what to try, and by what to choose thresholds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.errors import ConfigError
from model.costs import COSTS, CostMatrix
from model.fitting.families import FAMILIES
from model.fitting.imbalance import WAYS
from model.fitting.selection import Budget
from model.fitting.thresholds import WAYS as THRESHOLD_WAYS
from model.metadata import Policy


def tried(
    quick: bool, families: Sequence[str] | None, ways: Sequence[str] | None, trials: int | None
) -> Budget:
    """What is tried.

    Raises:
        ConfigError: a name is unknown, or the options contradict each other.
    """
    if quick:
        if families or ways or trials is not None:
            raise ConfigError("--quick tries nothing: leave out --family, --imbalance and --trials")
        return Budget.quick()
    usual = Budget()
    return Budget(
        _known(families, FAMILIES, "--family") or usual.families,
        _known(ways, WAYS, "--imbalance") or usual.ways,
        usual.trials if trials is None else trials,
    )


def costs_of(
    profile: str, missed: float | None, review: float | None, blocked: float | None
) -> CostMatrix:
    """The profile's costs, or those given in their place.

    Raises:
        ConfigError: one is not above 0.
    """
    usual = COSTS[profile]
    given = {"missed": missed, "review": review, "blocked": blocked}
    for name, value in given.items():
        if value is not None and not 0 < value < float("inf"):
            raise ConfigError(f"--cost-{name} {value} is not above 0: write an amount such as 15")
    return CostMatrix(
        missed=usual.missed if missed is None else missed,
        review=usual.review if review is None else review,
        blocked=usual.blocked if blocked is None else blocked,
    )


def policy_of(costs: CostMatrix, by: str, budget: float) -> Policy:
    """By what thresholds are chosen.

    Raises:
        ConfigError: an unknown way, or a budget that is no share.
    """
    if by not in THRESHOLD_WAYS:
        raise ConfigError(f"--threshold-by {by!r} is unknown: use {' or '.join(THRESHOLD_WAYS)}")
    if not 0 < budget < 1:
        raise ConfigError(f"--alert-budget {budget} is not between 0 and 1: write 0.01 for 1 %")
    return Policy(costs, by, budget)


def _known(names: Sequence[str] | None, known: Iterable[str], option: str) -> tuple[str, ...]:
    """The names in the order in which they are known, each once."""
    given, all_known = set(names or ()), tuple(known)
    unknown = sorted(given - set(all_known))
    if unknown:
        raise ConfigError(f"{option} {unknown[0]!r} is unknown: use {', '.join(all_known)}")
    return tuple(name for name in all_known if name in given)
