"""Writing bigWig files."""
