"""Files that lie on other machines, and their copies here."""
