"""Which payments look like trouble, by rules that people own. The rules' meaning is in engine.py. docs/risk.md."""
