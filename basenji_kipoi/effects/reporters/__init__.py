"""What an allele does to what a reporter assay would measure."""
