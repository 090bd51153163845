"""What restorers share: pretrained networks, tiling, complexity, colour."""
