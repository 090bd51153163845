"""Files of weights: their format, their tensors, where they come from."""
