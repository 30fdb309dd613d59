"""Reporters measured, and put into bundles."""
