"""The matching engine and its file readers: a library of its own."""
