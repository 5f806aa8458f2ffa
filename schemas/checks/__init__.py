"""What a record may hold: classes of fields, plausible values, answers to who and why."""
