"""Weights of vision models: shipped, published, trained here."""
