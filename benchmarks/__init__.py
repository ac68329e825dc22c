"""Speed beside peers (`python -m benchmarks.speed`) and quality beside published scores
(`python -m benchmarks.quality`)."""
