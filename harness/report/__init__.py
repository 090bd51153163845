"""Tables from run directories."""
