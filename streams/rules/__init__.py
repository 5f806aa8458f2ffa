"""Rules that people own and deciders use: what there is, what ships with Saldo, and how a text becomes a policy."""
