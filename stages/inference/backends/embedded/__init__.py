"""OpenVINO on a CPU, in this process."""
