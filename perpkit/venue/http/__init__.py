"""The exchange's HTTP interface. To change: endpoints, payloads, signatures, rate limits."""
