"""The ground: errors, codes of DNA, progress, and files that appear whole."""

#: The package's version, which outputs name; it stands here, so that rooms need no face above them.
__version__ = "0.1.0"
