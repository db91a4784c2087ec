"""The models to merge, compared: shapes, vocabularies, chat templates."""
