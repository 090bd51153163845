"""From records to numbers: metrics, intervals, tests. No model runs here."""
