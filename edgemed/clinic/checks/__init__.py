"""Rule checks of a draft against its source: text and spans in, flags out, no model."""
