"""Inference with Basenji models: predictions from DNA sequence, alone or under Kipoi."""

__version__ = "0.1.0"
