"""``python -m cli`` is the same as ``fraudstream``."""

from cli.main import main

if __name__ == "__main__":  # a process that is started by this one imports it, too
    main()
