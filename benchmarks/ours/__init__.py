"""What we measure of textladder: one module per kind of job, each run in a process of its own."""
