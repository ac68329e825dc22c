"""Files to examples to ids. Knows nothing of networks."""
