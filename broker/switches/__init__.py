"""Kill switches: what operators turn off at once, on every host, without a new configuration."""
