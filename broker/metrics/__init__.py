"""What is measured: numbers for Prometheus, and sign-ins by the hour for the operator's page."""
