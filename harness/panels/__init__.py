"""Pictures of what happened to an image: made again by the models, kept in the run directory."""
