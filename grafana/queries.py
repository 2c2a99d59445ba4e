"""PromQL from declared metrics: every query is limited to the job and the instances chosen.

``RANGE`` is the time range of the dashboard, for totals; ``RATE`` the shortest interval in which a
rate is sure to find samples, for lines over time.
"""

from __future__ import annotations

from core.metrics import Metric

RANGE = "$__range"
RATE = "$__rate_interval"
MINUTE_S, HOUR_S = 60, 3600

#: What each variable is matched against; the variables of a dashboard choose among them.
_MATCHERS = {
    name: f'{name}=~"${name}"'
    for name in ("job", "instance", "profile", "country", "browser", "source", "stage")
}
#: Series that the product does not declare: Prometheus' own and those of its client library.
UP = "up"
STARTED = "process_start_time_seconds"
CPU = "process_cpu_seconds_total"
MEMORY = "process_resident_memory_bytes"
UNDECLARED = (UP, STARTED, CPU, MEMORY)
#: Every program has these, so "all jobs" would be too many.
_OURS = 'job=~"fraudstream-.+"'
_OF_VIEWS = 'job="fraudstream-views"'


def selector(series: str, *labels: str, fixed: str = "") -> str:
    """A series limited to what the variables named by ``labels`` hold.

    Args:
        series: its name.
        labels: variables, beside ``job`` and ``instance``.
        fixed: a matcher that does not vary.
    """
    matchers = [_MATCHERS[name] for name in ("job", "instance", *labels)]
    return f"{series}{{{', '.join([*matchers, *([fixed] if fixed else [])])}}}"


def of(metric: Metric, *labels: str, part: str = "", fixed: str = "") -> str:
    """A metric's series, limited to the variables among its labels and those in ``labels``.

    Args:
        metric: its declaration.
        labels: variables, beside ``job``, ``instance`` and ``profile``.
        part: of a histogram: ``bucket``, ``sum`` or ``count``.
        fixed: a matcher that does not vary.
    """
    profile = ("profile",) if "profile" in metric.labels else ()
    series = f"{metric.family}_{part}" if part else metric.name
    return selector(series, *profile, *labels, fixed=fixed)


def of_views(metric: Metric, part: str = "") -> str:
    """A metric of the views, limited to the profiles chosen where it has them.

    The variables of jobs and instances list those of workers.

    Args:
        metric: its declaration.
        part: of a histogram: ``bucket``, ``sum`` or ``count``.
    """
    series = f"{metric.family}_{part}" if part else metric.name
    matchers = [_OF_VIEWS, *([_MATCHERS["profile"]] if "profile" in metric.labels else [])]
    return f"{series}{{{', '.join(matchers)}}}"


def process(series: str) -> str:
    """A series of ``UNDECLARED``, of the product's processes only."""
    return selector(series, fixed=_OURS)


def recorded(rule: str, *labels: str) -> str:
    """A recorded series: it has ``job`` and ``profile``, but no ``instance``."""
    return f"{rule}{{{', '.join(_MATCHERS[name] for name in ('job', *labels))}}}"


def total(series: str, by: str = "") -> str:
    """How much a counter rose in the time range, summed over the workers."""
    return f"sum{_by(by)} ({_rise(series, RANGE)})"


def per_second(series: str, by: str = "") -> str:
    """How fast a counter rises, summed over the workers."""
    return f"sum{_by(by)} ({_rise(series, RATE)})"


def per_minute(series: str, by: str = "") -> str:
    """The same by the minute, for what should be rare."""
    return f"{MINUTE_S} * {per_second(series, by)}"


def per_hour(series: str, by: str = "") -> str:
    """The same by the hour, as analysts count."""
    return f"{HOUR_S} * {per_second(series, by)}"


def share(part: str, whole: str) -> str:
    """A share; nothing where the whole is 0."""
    return f"{part} / ({whole} > 0)"


def quantile(q: float, metric: Metric, window: str = RATE) -> str:
    """A quantile of a histogram over the workers; NaN without events."""
    buckets = of(metric, part="bucket")
    return f"histogram_quantile({q}, sum by (le) ({_rise(buckets, window)}))"


def mean(metric: Metric, window: str = RATE) -> str:
    """The mean of a histogram over the workers; nothing without events."""
    return share(f"sum ({_rise(of(metric, part='sum'), window)})", events(metric, window))


def events(metric: Metric, window: str = RATE) -> str:
    """Observations of a histogram over the workers: per second, or in the time range."""
    return f"sum ({_rise(of(metric, part='count'), window)})"


def at_most(bound: float, metric: Metric, window: str = RATE) -> str:
    """Those whose value is at most a bound of the histogram's buckets."""
    if bound not in metric.buckets:
        raise ValueError(f"{metric.family} has no bucket {bound}: take one of {metric.buckets}")
    text = str(float(bound))
    # The client library writes whole numbers with a zero behind the point; Prometheus may drop it.
    le = f'le=~"{text[:-2]}|{text}"' if text.endswith(".0") else f'le="{text}"'
    return f"sum ({_rise(of(metric, part='bucket', fixed=le), window)})"


def _rise(series: str, window: str) -> str:
    return f"{'rate' if window == RATE else 'increase'}({series}[{window}])"


def _by(labels: str) -> str:
    return f" by ({labels})" if labels else ""
