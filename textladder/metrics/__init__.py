"""Pure functions from predictions and gold answers to numbers, intervals and tests. No network, no file."""
