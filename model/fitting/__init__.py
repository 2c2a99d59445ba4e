"""From labelled history to a fitted model: splits, families, selection, calibration, thresholds."""
