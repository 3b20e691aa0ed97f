"""What tests share: real servers, waiting on a predicate, a proxy that loses replies."""
