"""Recipes that come with the package, one JSON file each (see `basenji_training.fit.recipe`)."""
