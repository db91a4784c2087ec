"""The models that are merged, held side by side: shapes, vocabularies, chat templates."""
