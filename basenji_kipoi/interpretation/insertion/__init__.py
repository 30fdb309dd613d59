"""What a motif does in sequences that do not have it, alone and beside another one."""
