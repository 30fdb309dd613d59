"""The command ``basenji``: options, messages and exit codes."""
