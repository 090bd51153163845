"""From YAML and flags to a checked plan."""
