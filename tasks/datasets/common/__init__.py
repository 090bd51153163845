"""What data sets on disk share."""
