from textladder.cli import main

main()
