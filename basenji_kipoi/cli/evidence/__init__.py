"""Commands that hold predictions against evidence."""
