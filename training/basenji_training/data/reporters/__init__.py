"""Stores of reporter sequences made from tables."""
