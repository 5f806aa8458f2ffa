"""The projector: every topic into rows, and everything thrown away and made again."""
