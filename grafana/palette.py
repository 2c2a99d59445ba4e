"""Colours that people with any kind of colour blindness tell apart.

The eight of Okabe and Ito ("Color Universal Design", 2008), with grey for black so that they show
on dark ground too. A value has one colour, wherever it is shown.
"""

from __future__ import annotations

from core.names import Decision, Severity

GREY = "#999999"
ORANGE = "#E69F00"
SKY = "#56B4E9"
GREEN = "#009E73"
YELLOW = "#F0E442"
BLUE = "#0072B2"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"

OKABE_ITO = (GREY, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE)

#: What thresholds say.
GOOD, WATCH, BAD = GREEN, ORANGE, VERMILION

TRANSACTIONS = BLUE
ALERTS = VERMILION

SEVERITY: dict[str, str] = {
    Severity.LOW: SKY,
    Severity.MEDIUM: YELLOW,
    Severity.HIGH: ORANGE,
    Severity.CRITICAL: VERMILION,
}
DECISION: dict[str, str] = {
    Decision.ALLOW: BLUE,
    Decision.REVIEW: ORANGE,
    Decision.BLOCK: VERMILION,
}

#: A scheme of Grafana whose brightness rises evenly, made for colour-blind eyes.
HEATMAP_SCHEME = "Cividis"
