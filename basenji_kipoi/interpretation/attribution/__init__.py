"""What each base contributes to predictions."""
