"""Commands that simulate genomes and people."""
