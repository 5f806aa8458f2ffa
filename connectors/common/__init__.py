"""What every connector shares: how another side is reached."""
