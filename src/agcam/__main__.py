"""`python -m agcam` is the command `agcam`."""

from .cli import main

main()
