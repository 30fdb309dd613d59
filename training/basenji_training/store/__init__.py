"""The binned store that training reads, and its windows."""
