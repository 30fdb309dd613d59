"""BAM, CRAM and fragment files to rows of reads."""
