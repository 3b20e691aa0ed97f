"""An order system: inventory, payment, notification and shipping as tasks on four queues."""
