"""Vision tasks: data sets, vision models and metrics."""
