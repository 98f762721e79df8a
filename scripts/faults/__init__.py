"""`make faults`: processes killed, disks filled, blocks replaced under steady orders, and what became of each order."""
