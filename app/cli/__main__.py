"""`python -m app.cli`: the `saldo` command without its script."""

from app.cli import main

main()
