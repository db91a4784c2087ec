"""Chat formats that recipes call by name, as templates: chatml, llama3, mistral, alpaca, exaone.

The formats are public: each is the marks around every turn with which the models of that family
were trained. Texts only: no files, no models.
"""

from collections.abc import Collection, Iterator
from typing import NamedTuple


class Format(NamedTuple):
    """A template, and the marks in it that should be tokens of their own."""

    template: str
    marks: tuple[str, ...] = ()


CHATML = (
    "{%- for message in messages -%}"
    "{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"
)

LLAMA3 = (
    "{{- bos_token -}}"
    "{%- for message in messages -%}"
    "{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' -}}"
    "{{- message['content'] | trim + '<|eot_id|>' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}"
    "{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}"
    "{%- endif -%}"
)

MISTRAL = (
    "{{- bos_token -}}"
    "{%- set turn = namespace(before='', next='user') -%}"
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'system' and loop.first -%}"
    "{%- set turn.before = message['content'] + '\\n\\n' -%}"
    "{%- elif message['role'] != turn.next -%}"
    "{{- raise_exception('turns of user and assistant must alternate, the user first') -}}"
    "{%- elif message['role'] == 'user' -%}"
    "{{- ' [INST] ' + turn.before + message['content'] + ' [/INST]' -}}"
    "{%- set turn.before = '' -%}{%- set turn.next = 'assistant' -%}"
    "{%- else -%}"
    "{{- ' ' + message['content'] + eos_token -}}{%- set turn.next = 'user' -%}"
    "{%- endif -%}"
    "{%- endfor -%}"
)

ALPACA = (
    "{%- set heads = {'user': '### Instruction:\\n', 'assistant': '### Response:\\n',"
    " 'user_context': '### Input:\\n', 'system': ''} -%}"
    "{%- for message in messages -%}"
    "{%- if message['role'] not in heads -%}"
    "{{- raise_exception('roles are system, user, user_context and assistant') -}}"
    "{%- endif -%}"
    "{{- heads[message['role']] + message['content'] | trim + '\\n\\n' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- heads['assistant'] -}}{%- endif -%}"
)

EXAONE = (
    "{%- for message in messages -%}"
    "{%- if loop.first and message['role'] != 'system' -%}"
    "{{- '[|system|][|endofturn|]\\n' -}}"
    "{%- endif -%}"
    "{{- '[|' + message['role'] + '|]' + message['content'] -}}"
    "{{- '\\n' if message['role'] == 'user' else '[|endofturn|]\\n' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '[|assistant|]' -}}{%- endif -%}"
)

FORMATS = {
    "alpaca": Format(ALPACA),
    "chatml": Format(CHATML, ("<|im_start|>", "<|im_end|>")),
    "exaone": Format(EXAONE, ("[|system|]", "[|user|]", "[|assistant|]", "[|endofturn|]")),
    "llama3": Format(LLAMA3, ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")),
    "mistral": Format(MISTRAL, ("[INST]", "[/INST]")),
}
"""Name -> format; the names are mergekit's."""

SPELLED = ("mistral",)
"""Formats whose marks were plain text for the first models that used them."""


def named(template: str | None) -> str | None:
    """The name of the format that has this very template."""
    return next((name for name, f in FORMATS.items() if f.template == template), None)


def notes_on(name: str, tokens: Collection[str]) -> Iterator[str]:
    """A note if the output's vocabulary has no tokens for the marks of a format."""
    missing = [mark for mark in FORMATS[name].marks if mark not in tokens]
    if missing and name not in SPELLED:
        yield (
            f"chat_template {name} writes {', '.join(missing)}, which the vocabulary lacks: "
            "the model reads them as plain text, unlike in training"
        )
