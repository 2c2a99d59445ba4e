"""``python -m cli`` is the same as ``fraudstream``."""

from cli.main import main

main()
