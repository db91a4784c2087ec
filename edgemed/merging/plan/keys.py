"""Metadata keys of a merged file that others read too; importing them loads no kernels."""

RECIPE, RECIPE_HASH = "edgemed.merge.recipe", "edgemed.merge.recipe_sha256"
