"""The things that the draft names: problems, drugs, allergens, sites and sides, reasons, sex."""
