"""``docs/features.md`` from the declared list."""

from __future__ import annotations

from features.declared import CAP, LOOK_BACK_MS, SLACK, declared_features

_HEAD = f"""# Features

Generated from `features/declared.py` by `make docs`; `make lint` fails when it is out of date.

A feature of an event looks at the event itself and at the earlier events of its user, device, IP
address, card or vector. *Earlier* means: before it in the total order (event time in milliseconds,
then event id), already in state when the event first arrived, and within the window (t − w, t].
The event itself is never counted. At most the latest {CAP} remembered events of an entity are looked
at, at most {LOOK_BACK_MS // 86_400_000} days back; state keeps {SLACK} more for late and redelivered
events. What falls outside is counted (`state_truncated_total`).

A topic that was filled in order and is drained by one worker gives, over any number of partitions,
exactly the offline features. With several workers the features of a user (or card or vector: what the
topic is keyed by) are exact; those of a device or an address whose events are spread over workers
depend on the workers' relative pace. `docs/adr/0004-how-exact-is-exact.md` has the whole statement.

Unknown values are NaN for the model and null in messages. An event without an address has no
`ip_…` features. Categories are integer codes, given below the tables.

## Worked example

Three purchases on device *d*: *a* at 12:00:00.000 for 10.00, *b* at 12:00:00.000 for 20.00, *c* at
12:01:00.000 for 5.00. By (time, id) the order is *a*, *b*, *c*.

| event | `device_count_1m` | `device_spend_1m` | `device_count_1h` | why |
|---|---|---|---|---|
| *a* | 0 | 0.00 | 0 | nothing is earlier |
| *b* | 1 | 10.00 | 1 | *a* has the same time and the smaller id |
| *c* | 0 | 0.00 | 2 | exactly one minute later: (t − 1m, t] does not hold 12:00:00.000 |

If *b* is delivered again, or arrives after *c*, it sees the same: *a*. *c* is not scored again; that
it should have seen *b* is counted in `late_affected_total`.
"""


def features_markdown() -> str:
    """The whole page."""
    parts = [_HEAD]
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
