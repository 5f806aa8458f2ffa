"""A batch of messages into blocks of rows, written with the positions that prove them."""
