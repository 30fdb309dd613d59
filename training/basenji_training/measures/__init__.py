"""Agreement of predicted and observed coverage."""
