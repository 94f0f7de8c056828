"""Circuit breakers as state machines: observation and state in, decision out."""
