"""What the heads of a network learn, each from its store."""
