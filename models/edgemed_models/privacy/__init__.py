"""Switches off core dumps, internet sockets and telemetry in processes that see notes."""
