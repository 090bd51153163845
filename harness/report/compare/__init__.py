"""Restorers or whole runs held against each other, and a gate for continuous integration."""
