"""Downstream vision-task evaluation of image restoration."""

__version__ = "0.1.0"
