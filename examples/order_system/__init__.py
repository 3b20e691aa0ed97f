"""An order system: what happens to an order, from placing it to shipping it, as tasks on queues."""
