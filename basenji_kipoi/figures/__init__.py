"""Figures that several rooms draw."""
