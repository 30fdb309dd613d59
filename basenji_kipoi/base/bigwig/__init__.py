"""Writing bigWig files, and what their reader needs against damaged ones."""
