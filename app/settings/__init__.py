"""Every setting of an installation, read once."""
