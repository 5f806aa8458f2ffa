"""The watch: sees what may raise alerts, and tells the time to whoever asked for it."""
