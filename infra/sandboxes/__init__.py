"""Real HTTP servers that behave as the references of PayTrace and abas say, faults included."""
