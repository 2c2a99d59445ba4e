"""What people do with alerts: cases, and the labels that come of them."""
