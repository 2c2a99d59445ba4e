"""What decisions cost: the yardstick by which thresholds are chosen.

Every event is allowed, reviewed or blocked, and is honest or fraud (Elkan, The Foundations of
Cost-Sensitive Learning, IJCAI 2001):

=========  ==========  =========
decision   honest      fraud
=========  ==========  =========
allow      0           missed
review     review      review
block      blocked     0
=========  ==========  =========

A review is supposed to find the truth. With calibrated probabilities it pays from
p = review / missed on, and blocking at once pays from p = 1 − review / blocked on.
"""

from __future__ import annotations

import msgspec


class CostMatrix(msgspec.Struct, frozen=True):
    """Costs of one event in currency units, all above 0.

    Attributes:
        missed: a fraud that was allowed.
        review: an analyst's look at an event.
        blocked: an honest customer who was turned away.
    """

    missed: float
    review: float
    blocked: float


#: The mean amount of a fraud in the public data of each profile, a quarter of an hour of an
#: analyst, and a lost customer. Whoever knows their own says so to ``fraudstream train``.
COSTS = {
    "ecommerce": CostMatrix(missed=40.0, review=15.0, blocked=150.0),
    "banking": CostMatrix(missed=120.0, review=15.0, blocked=150.0),
}
#: How many alerts of a day are looked at in the metric ``precision_at_k_per_day``.
ALERTS_PER_DAY = {"ecommerce": 10, "banking": 100}
