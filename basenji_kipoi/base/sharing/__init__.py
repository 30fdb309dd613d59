"""Work that processes or machines share."""
