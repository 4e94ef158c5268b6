"""What people see of a download: progress while it runs (progress, screens, view, wording, tally), the receipt afterwards."""
