"""Who acts, and what that person may do: users, passwords, sessions, keys, roles, limits and four eyes.

For every door alike: the command line today, an HTTP API and the console later. `users`, `tokens`, `policy` and `actor`
are pure; `store` is the file of users, `access` puts them together. See docs/access.md.
"""
