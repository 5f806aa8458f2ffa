"""Trading days on the sandboxes, and the audit of the sandboxes' own books: for `saldo demo` and the kill test."""
