"""Speed, measured: pytest-benchmark cases generated from the Spec rows, and whole updates."""
