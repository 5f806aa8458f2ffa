"""The way out by e-mail: messages about alerts, over SMTP."""
