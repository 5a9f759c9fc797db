"""What takes its time, measured by hand: ``make bench``."""
