"""What every command prints and asks with: tables, bars, questions, streams."""
