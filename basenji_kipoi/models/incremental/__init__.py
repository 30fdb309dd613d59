"""Exact predictions of changes: only what a change can reach is computed."""
