"""Networks in the files of the original programs."""
