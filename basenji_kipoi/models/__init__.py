"""Trained models: their description, network, tracks and files."""
