"""Files of arrays and of tables that may come from anywhere, read with one kind of error."""
