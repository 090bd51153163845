"""Tables: built from records, printed in every format."""
