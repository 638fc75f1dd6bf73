"""One package per engine of params.yaml."""
