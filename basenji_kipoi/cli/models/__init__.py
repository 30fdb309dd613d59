"""Commands that make models, for this program and for Kipoi."""
