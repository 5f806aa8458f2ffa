"""The port for shops: settings, what a shop must be able to answer, and how it is read. A second shop is a folder."""
