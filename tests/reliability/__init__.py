"""What docs/reliability.md promises, bit by bit: parts away, disks full, clocks moved, processes killed."""
