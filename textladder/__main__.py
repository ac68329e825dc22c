"""`python -m textladder`, which `torchrun -m textladder` needs, is the command `textladder`."""

from textladder.cli import main

if __name__ == "__main__":
    main()
