"""JSON schemas as grammars of llama.cpp."""

from edgemed_models.base import ModelError
from edgemed_models.engine.library import grammar_of
from edgemed_models.engine.schema import refuse_large

# llama-cpp-python's converter allows line ends in a string, which JSON forbids (RFC 8259, 7).
LOOSE_CHAR = r'char ::= [^"\\] |'
STRICT_CHAR = r'char ::= [^"\\\x7F\x00-\x1F] |'


def gbnf_of(schema: str) -> str:
    """A JSON schema as a grammar; ModelError if the converter cannot convert it."""
    refuse_large(schema)
    try:
        return grammar_of(schema).replace(LOOSE_CHAR, STRICT_CHAR)
    except Exception as error:
        raise ModelError(
            f"the JSON schema cannot be turned into a grammar ({type(error).__name__})",
            "simplify the template's schema: `edgemed templates check` tries it",
        ) from None
