"""Predicted effects of elements on genes beside measured ones."""
