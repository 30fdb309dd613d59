"""Rows of reads to coverage tracks."""
