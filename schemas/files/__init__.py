"""Files that people own: private ones, and YAML with the line of each entry."""
