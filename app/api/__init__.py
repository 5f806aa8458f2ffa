"""One HTTP API over the operator commands and reports of the CLI; the workbench stands on the same seam."""
