"""What we measure beside us: one module per peer, each run in a process of its own."""
