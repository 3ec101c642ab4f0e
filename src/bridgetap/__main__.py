"""`python -m bridgetap`: the same as the `bridgetap` command."""

from bridgetap.cli import main

main()
