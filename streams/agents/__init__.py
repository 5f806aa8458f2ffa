"""The imperative shell: one agent per file. An agent body takes batches from Faust and hands them to the task layer."""
