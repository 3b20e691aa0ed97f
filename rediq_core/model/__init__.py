"""The words of the queue as values: tasks, states, ids, retries. No I/O and no Redis."""
