"""What sandboxes share: durable books and a clock that can be moved."""
