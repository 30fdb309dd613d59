"""Commands on trained reporters."""
