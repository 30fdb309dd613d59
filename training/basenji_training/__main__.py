"""Lets ``python -m basenji_training`` run the command."""

from __future__ import annotations

from basenji_training.cli.app import main

if __name__ == "__main__":
    main()
