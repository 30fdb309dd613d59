"""Run the command ``basenji`` as ``python -m basenji_kipoi``."""

from basenji_kipoi.cli.app import app

if __name__ == "__main__":
    app(prog_name="basenji")
