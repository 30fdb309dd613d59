"""Commands that say why a prediction is what it is."""
