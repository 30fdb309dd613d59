"""From reads to coverage: alignments or fragments become bigWig tracks."""
