"""Options that several commands share: models, numbers, types; options of earlier versions."""
