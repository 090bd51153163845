"""How sure a number is: image-level bootstrap, intervals, tests, summaries over QFs."""
