"""The confusion matrix and what comes of it."""
