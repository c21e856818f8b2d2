"""`python -m bugflow` is `bugflow`."""

from bugflow.cli import main

main()
