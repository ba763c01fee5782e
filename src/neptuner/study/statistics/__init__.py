"""What replicates say, and how surely."""
