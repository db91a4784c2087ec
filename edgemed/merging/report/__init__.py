"""What a merge did: surveys, reports, calibration, and making it again to compare."""
