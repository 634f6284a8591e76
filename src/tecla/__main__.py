"""`python -m tecla` is the command line."""

from tecla.cli.main import main

main()
