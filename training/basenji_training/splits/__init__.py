"""What of a genome trains, validates and tests."""
