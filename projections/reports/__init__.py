"""Questions as SQL files, and their answers for people and for programs."""
