"""Commands on sequences that stand in no genome."""
