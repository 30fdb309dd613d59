"""The command ``basenji-train``: options, messages and exit codes."""
