"""The security matrix, and the tests of it that belong nowhere else."""
