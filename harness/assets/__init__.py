"""What is downloaded, and the check that it is that."""
