"""Schedules that people name in settings: which runs are due, and the process that runs them."""
