"""Files that people and systems give us, whichever way they come: command, watched folder or upload."""
