"""What a process that sees a note gives up: core dumps, internet sockets, libraries' telemetry."""
