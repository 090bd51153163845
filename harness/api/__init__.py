"""The harness from Python: evaluate a study, open a run, hand in a restorer of one's own."""
