"""How far each task is, in a small file that other processes read."""
