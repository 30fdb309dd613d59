"""The ground: errors, codes of DNA, progress, and files that appear whole."""
