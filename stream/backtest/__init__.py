"""What other rules or another model would have done, beside what was done."""
