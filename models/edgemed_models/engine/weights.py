"""A loaded model in native memory: its vocabulary, and the adapters beside its weights."""

import ctypes
import os
from collections.abc import Sequence
from typing import Any

from edgemed_models.engine.binding import llama, start
from edgemed_models.engine.encoding import Control
from edgemed_models.engine.library import LlamaFailure
from edgemed_models.engine.settings import EngineSettings
from edgemed_models.engine.steering import is_piece
from edgemed_models.engine.tiles import tiles_crash

NO_TOKEN = -1


class Weights:
    """A loaded model and its vocabulary."""

    def __init__(self, settings: EngineSettings) -> None:
        params = llama.llama_model_default_params()
        params.n_gpu_layers = settings.gpu_layers
        params.use_extra_bufts = settings.repack and not tiles_crash()
        params.vocab_only = settings.vocab_only
        nowhere = (ctypes.c_void_p * 1)()  # an empty list of devices, ended by NULL
        # Even with no layer on it, a GPU would process long batches and reserve memory for them,
        # and with its buffers the CPU would not make its faster copy of the weights.
        if not settings.gpu_layers:
            params.devices = ctypes.cast(nowhere, ctypes.c_void_p)
        start()
        self.model = llama.llama_model_load_from_file(settings.path.encode(), params)
        if not self.model:
            raise LlamaFailure(
                "llama.cpp cannot load the model",
                "the last lines of its log say why; `edgemed inspect FILE` checks the file",
            )
        self.vocab = llama.llama_model_get_vocab(self.model)
        self.n_vocab = llama.llama_vocab_n_tokens(self.vocab)
        self.train_context = llama.llama_model_n_ctx_train(self.model)
        self._piece = ctypes.create_string_buffer(256)
        self._ending: dict[int, bool] = {}
        self._steering: dict[int, bool] = {}
        self.scaffold = settings.chat_template or self.template() or ""
        self.named = self._named()
        first = self.tokenize("a", special=False)
        self.adds_space = bool(first) and self.piece(first[0]).startswith(b" ")

    def template(self) -> str | None:
        """The chat template in the file; None if it has none."""
        text = llama.llama_model_chat_template(self.model, None)
        return text.decode("utf-8", "replace") if text else None

    def tokenize(self, text: str, special: bool) -> list[int]:
        """Ids of `text`, without begin or end tokens."""
        data = text.encode("utf-8")
        room = len(data) + 8
        while True:
            ids = (llama.llama_token * room)()
            n = llama.llama_tokenize(self.vocab, data, len(data), ids, room, False, special)
            if n >= 0:
                return list(ids[:n])
            room = -n

    def _named(self) -> frozenset[int]:
        """The tokens to which the header gives a role, as `tokenizer.ggml.eos_token_id` does."""
        found = (self._meta(i) for i in range(llama.llama_model_meta_count(self.model)))
        return frozenset(int(v) for k, v in found if k.endswith("_token_id") and v.isdecimal())

    def _meta(self, number: int) -> tuple[str, str]:
        """A key of the header and the first characters of its value."""
        text = ctypes.create_string_buffer(256)
        key, value = llama.llama_model_meta_key_by_index, llama.llama_model_meta_val_str_by_index
        key(self.model, number, text, len(text))
        name = text.value.decode("utf-8", "replace")
        value(self.model, number, text, len(text))
        return name, text.value.decode("utf-8", "replace")

    def controls_in(self, text: str) -> dict[str, Control]:
        """The tokens in scaffolding `text` that structure a dialogue."""
        found = {}
        for token in filter(self.steers, set(self.tokenize(text, special=True))):
            eats = bool(self._attr(token) & llama.LLAMA_TOKEN_ATTR_RSTRIP)
            found[self.special_text(token)] = Control(token, eats)
        return found

    def steers(self, token: int) -> bool:
        """Whether `token` is more than a piece of text: see steering.py."""
        known = self._steering.get(token)
        if known is None:
            known = self._steering[token] = self._steers(token)
        return known

    def _steers(self, token: int) -> bool:
        attr, name = self._attr(token), self.special_text(token)
        if attr & (llama.LLAMA_TOKEN_ATTR_NORMAL | llama.LLAMA_TOKEN_ATTR_BYTE):
            return token in self.named and not is_piece(name, "")
        if not attr & llama.LLAMA_TOKEN_ATTR_USER_DEFINED:  # control, unknown, unused
            return True
        if attr & (llama.LLAMA_TOKEN_ATTR_LSTRIP | llama.LLAMA_TOKEN_ATTR_RSTRIP):
            return True  # it removes the spaces beside it
        if (token in self.named or self.ends(token)) and len(name) > 1 and not name.isspace():
            return True
        return not is_piece(name, self.scaffold)

    def separate(self, token: int) -> bool:
        """Whether `token` is matched first, and the text after it is tokenized separately."""
        return bool(self._attr(token) & llama.LLAMA_TOKEN_ATTR_USER_DEFINED)

    def _attr(self, token: int) -> int:
        return int(llama.llama_vocab_get_attr(self.vocab, token))

    def begin(self) -> int | None:
        """The begin-of-text id, if this model needs one before every prompt."""
        if not llama.llama_vocab_get_add_bos(self.vocab):
            return None
        token = llama.llama_vocab_bos(self.vocab)
        return None if token == NO_TOKEN else token

    def end_of_turn(self) -> int | None:
        """The token with which an answer ends, if the vocabulary has one."""
        for named in (llama.llama_vocab_eot, llama.llama_vocab_eos):
            if (token := int(named(self.vocab))) >= 0:
                return token
        return None

    def special_text(self, token: int) -> str:
        """The name of a special token as templates write it; empty if it has none."""
        if token == NO_TOKEN:
            return ""
        return str(llama.llama_vocab_get_text(self.vocab, token).decode("utf-8", "replace"))

    @property
    def bos_text(self) -> str:
        """What templates call bos_token."""
        return self.special_text(llama.llama_vocab_bos(self.vocab))

    @property
    def eos_text(self) -> str:
        """What templates call eos_token."""
        return self.special_text(llama.llama_vocab_eos(self.vocab))

    def ends(self, token: int) -> bool:
        """Whether the model ends its answer with `token`."""
        known = self._ending.get(token)
        if known is None:
            known = self._ending[token] = bool(llama.llama_vocab_is_eog(self.vocab, token))
        return known

    def piece(self, token: int) -> bytes:
        """The bytes of `token`; none for a control token. May be part of a character."""
        n = llama.llama_token_to_piece(self.vocab, token, self._piece, len(self._piece), 0, False)
        if n < 0:
            self._piece = ctypes.create_string_buffer(-n)
            return self.piece(token)
        return self._piece.raw[:n]

    def free(self) -> None:
        """Free the memory of the weights."""
        if self.model:
            llama.llama_model_free(self.model)
            self.model = None


class Adapters:
    """LoRA adapters beside a model's weights, which stay as they are."""

    def __init__(self, weights: Weights, settings: EngineSettings) -> None:
        """Load them; llama.cpp compares shapes. They go with the model when it is freed."""
        asked = () if settings.vocab_only else settings.adapters
        self.names = [os.path.basename(path) for path, _ in asked]  # noqa: PTH119
        self.strengths = [float(strength) for _, strength in asked]
        self._loaded = []
        for (path, _), name in zip(asked, self.names, strict=True):
            adapter = llama.llama_adapter_lora_init(weights.model, os.fsencode(path))
            if not adapter:
                raise LlamaFailure(
                    f"llama.cpp cannot load the adapter {name}",
                    "the last lines of its log say why; `edgemed inspect FILE` shows the adapter",
                )
            self._loaded.append(adapter)

    def put_on(self, context: Any, only: Sequence[int] | None = None) -> None:
        """Let `context` compute with all adapters, or with those of these numbers alone."""
        chosen = range(len(self._loaded)) if only is None else only
        count = len(chosen)
        pointers = (llama.llama_adapter_lora_p_ctypes * max(1, count))()
        scales = (ctypes.c_float * max(1, count))()
        for place, number in enumerate(chosen):
            pointers[place] = ctypes.cast(self._loaded[number], llama.llama_adapter_lora_p_ctypes)
            scales[place] = self.strengths[number]
        if llama.llama_set_adapters_lora(context.context, pointers, count, scales):
            raise LlamaFailure("llama.cpp does not use the adapter", "fold it: `edgemed fold`")
