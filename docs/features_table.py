"""``docs/features.md`` from the declared list."""

from __future__ import annotations

import math

from core.names import DAY_MS
from docs.worked_example import D_LATE, IN_ORDER, SHOWN, Purchase, values
from features.declared import CAP, HORIZON_MS, LOOK_BACK_MS, SLACK, declared_features

_HEAD = f"""# Features

Generated from `features/declared.py` by `make docs`; `make lint` fails when it is out of date. The same
list gives the offline computation (`fraudstream features`, `fraudstream train`), the computation against
Redis, the order of the model's inputs and the hash in the model's metadata: a worker refuses a model
whose hash differs. Adding a feature is one entry in that list; a new kind also needs a formula
(`features/formulas.py`) and a line that says which earlier events made it (`features/explain.py`).

## What an event sees

A feature looks at the event itself and at the earlier events of its user, device, IP address, card or
vector (entities with the same id; a vector is the hash of v1 … v28).

1. **Order.** Events are totally ordered by event time in whole milliseconds, then by event id as UTF-8
   bytes. *Earlier* means before in this order, so of two events of one millisecond exactly one sees the
   other.
2. **Not itself.** An event is never counted in its own features, and an id counts once, however often
   it is delivered.
3. **Windows** are 1m, 1h, 24h, 7d and 30d long and hold (t − w, t]: an event exactly w earlier is
   outside.
4. **Arrival.** An event sees what was in state when it first arrived. A late event sees its own past,
   not what is later in the order though it arrived before. What was scored before it came is not
   scored again; how many that were is counted (`late_affected_total`).
5. **Horizon.** More than {HORIZON_MS // DAY_MS} days behind the newest event of its partition, an event is scored,
   counted (`late_total`) and not remembered.
6. **Look-back and cap.** Entities are remembered for {LOOK_BACK_MS // DAY_MS} days of event time. At most the latest {CAP}
   remembered events before the event are looked at; state keeps {SLACK} more for late and redelivered
   ones. Events that had more are counted (`state_truncated_total`).

Everything kept is an integer: amounts in 10⁻⁴ currency units, times in milliseconds. Means, ratios,
logarithms and sines are formed from these integers in float64 by one function for both computations,
then cast to float32.

A topic that was filled in order and is drained by one worker gives, over any number of partitions,
exactly the offline features. With several workers the features of a user (or card or vector: what the
topic is keyed by) are exact; those of a device or an address whose events are spread over workers
depend on the workers' relative pace. `docs/adr/0004-how-exact-is-exact.md` has the whole statement.

Unknown values are NaN for the model and null in messages: a mean of no events, a ratio to a mean of 0,
the time since a previous event that does not exist. An event without an address (or card) has no
`ip_…` (`card_…`) features at all. Categories are integer codes, given below the tables.

There are no totals over all events or per country: they act as a clock ("early January is fraud"),
look superb on a random split and are worth nothing in time order.
"""


def _example() -> str:
    """The worked example, as two tables."""
    head = ["| event | time | amount | user | " + " | ".join(f"`{one}`" for one in SHOWN) + " |"]
    head.append("|---" * (4 + len(SHOWN)) + "|")

    def table(arrivals: tuple[Purchase, ...]) -> list[str]:
        return head + [
            f"| *{one.name}* | {one.clock} | {one.amount:.2f} | {one.user} | "
            + " | ".join(_shown(value) for value in row)
            + " |"
            for one, row in zip(arrivals, values(arrivals), strict=True)
        ]

    return "\n".join(
        [
            "\n## Worked example\n",
            "Four purchases on one device (computed by the product when this page is made):\n",
            *table(IN_ORDER),
            "",
            *(f"- *{one.name}*: {one.why}." for one in IN_ORDER),
            "- None of them is counted in its own features.\n",
            "The same four, but *d* arrives after *c*:\n",
            *table(D_LATE),
            "",
            "- *d* sees what it saw before: *c* is later in the order.",
            "- *c* was scored without *d*, and is not scored again; it is counted in "
            "`late_affected_total`.",
            "- If any of them is delivered again, it gets the features of its first delivery.\n",
        ]
    )


def _shown(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4g}"


def features_markdown() -> str:
    """The whole page."""
    parts = [_HEAD, _example()]
    for profile, title in (("ecommerce", "E-commerce"), ("banking", "Banking")):
        features = declared_features(profile)
        parts.append(f"\n## {title}: {len(features)} features\n")
        parts.append("| # | name | dtype | entity | window | unit | meaning | why it helps |")
        parts.append("|---|---|---|---|---|---|---|---|")
        for number, one in enumerate(features):
            parts.append(
                f"| {number} | `{one.name}` | {one.dtype} | {one.entity or '–'} | "
                f"{one.window or '–'} | {one.unit} | {one.meaning} | {one.why} |"
            )
        for one in features:
            if one.categories:
                codes = ", ".join(f"{code} {name}" for code, name in enumerate(one.categories))
                parts.append(f"\n`{one.name}` codes: {codes}")
    return "\n".join(parts) + "\n"
