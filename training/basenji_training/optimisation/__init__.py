"""One training step: losses, optimisers, devices."""
