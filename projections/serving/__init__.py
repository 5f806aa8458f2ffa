"""The projector's doors on loopback."""
