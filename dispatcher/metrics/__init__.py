"""What is measured: the catalogue of metrics, counting, and the text that Prometheus reads."""
