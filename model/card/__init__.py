"""Model cards: what a version is, how it was chosen and how good it is, for people."""
