"""llama.cpp's low-level C interface, as far as edgemed uses it.

Owns native memory: a `Weights` holds a loaded model, a `Context` its KV cache. Raises ModelError
if a call fails; if llama.cpp aborts, the process ends, and the client reports why.
"""

import ctypes
import os
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemed_models.base import ModelError
from edgemed_models.engine.encoding import Control
from edgemed_models.engine.library import LlamaFailure, functions, ggml, grammar_of, log_to_stderr
from edgemed_models.engine.schema import refuse_large
from edgemed_models.engine.settings import Settings
from edgemed_models.engine.steering import is_piece

llama = functions()

GGML_TYPES = {
    "f16": llama.GGML_TYPE_F16,
    "q8_0": llama.GGML_TYPE_Q8_0,
    "q4_0": llama.GGML_TYPE_Q4_0,
}
FLASH = {
    "auto": llama.LLAMA_FLASH_ATTN_TYPE_AUTO,
    "on": llama.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    "off": llama.LLAMA_FLASH_ATTN_TYPE_DISABLED,
}
OUTPUTS = 8  # rows of logits that one decode may ask for; each takes 4 bytes x vocabulary
ABORTED = 2
NO_TOKEN = -1


class StopFlag:
    """Set from any thread, read by llama.cpp between two operations without entering Python.

    llama.cpp calls a `bool (*)(void *)` thousands of times per batch; a Python function would need
    the interpreter lock each time. C's strlen has the right signature: for an empty string it
    returns 0 (go on), for one character 1 (stop).
    """

    def __init__(self) -> None:
        self.buffer = ctypes.create_string_buffer(2)
        library = ctypes.CDLL("msvcrt" if sys.platform == "win32" else None)
        self.callback = ctypes.cast(library.strlen, llama.ggml_abort_callback)

    def set(self, stop: bool) -> None:
        """True stops the running decode; False lets the next one run."""
        self.buffer[0] = b"\x01" if stop else b"\x00"

    def __bool__(self) -> bool:
        return self.buffer[0] != b"\x00"


LOG = llama.llama_log_callback(log_to_stderr)  # llama.cpp keeps the address, so it must live on


class Weights:
    """A loaded model and its vocabulary."""

    def __init__(self, settings: Settings) -> None:
        params = llama.llama_model_default_params()
        params.n_gpu_layers = settings.gpu_layers
        params.use_extra_bufts = settings.repack
        params.vocab_only = settings.vocab_only
        nowhere = (ctypes.c_void_p * 1)()  # an empty list of devices, ended by NULL
        # Even with no layer on it, a GPU would process long batches and reserve memory for them,
        # and with its buffers the CPU would not make its faster copy of the weights.
        if not settings.gpu_layers:
            params.devices = ctypes.cast(nowhere, ctypes.c_void_p)
        llama.llama_log_set(LOG, None)
        llama.llama_backend_init()
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

    def __init__(self, weights: Weights, settings: Settings) -> None:
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


def new_context(
    weights: Weights, settings: Settings, size: int, stop: StopFlag, sequences: int = 1
) -> Any:
    """llama.cpp's context for `size` tokens of `sequences` together; its decodes end at `stop`.

    Raises LlamaFailure.
    """
    params = llama.llama_context_default_params()
    params.n_ctx = size
    params.n_batch = params.n_ubatch = min(settings.batch, size)
    params.n_seq_max = sequences
    params.kv_unified = sequences > 1  # one pool: what sequences share is in it once
    params.n_outputs_max = min(max(OUTPUTS, sequences), params.n_batch)
    params.n_threads = params.n_threads_batch = settings.threads
    params.type_k = params.type_v = GGML_TYPES[settings.kv_type]
    params.flash_attn_type = FLASH[settings.flash]
    context = llama.llama_init_from_model(weights.model, params)
    if not context:
        raise LlamaFailure(
            f"llama.cpp cannot make a context of {size} tokens",
            "the last lines of its log say why; a smaller context needs less memory",
        )
    address = ctypes.cast(stop.buffer, ctypes.c_void_p)
    llama.llama_set_abort_callback(context, stop.callback, address)
    return context


class Context:
    """A KV cache of `size` tokens and the batch that fills it. One sequence, number 0."""

    def __init__(self, weights: Weights, settings: Settings, size: int, stop: StopFlag) -> None:
        self.size, self.batch_size = size, min(settings.batch, size)
        self.context = new_context(weights, settings, size, stop)
        self.n_vocab = weights.n_vocab
        self.stop = stop
        self.memory = llama.llama_get_memory(self.context)
        self.batch = llama.llama_batch_init(self.batch_size, 0, 1)
        self._tokens = view(self.batch.token, self.batch_size, np.int32)
        self._positions = view(self.batch.pos, self.batch_size, np.int32)
        self._wanted = view(self.batch.logits, self.batch_size, np.int8)
        self._logits = (0, np.empty(0, np.float32))
        self.held: list[int] = []
        self.pause = 0
        for i in range(self.batch_size):
            self.batch.n_seq_id[i] = 1
            self.batch.seq_id[i][0] = 0

    def clear(self) -> None:
        """Forget every token, the cache's bytes included."""
        llama.llama_memory_clear(self.memory, True)
        self.held.clear()
        self.pause = 0

    def keep(self, prompt: Sequence[int], pause: int = 0) -> int:
        """Keep only the tokens with which `prompt` begins, and return their number, never all.

        Reading pauses at token `pause`: a batch ends there (0: nowhere). Tokens are kept only as
        far as they were read in the same batches as with an empty cache, so that every number comes
        out the same to the last bit: up to the pause where the prompt before paused there too, and
        whole batches from 0 or from the pause on.
        """
        pairs = zip(self.held, prompt, strict=False)
        shared = next(
            (i for i, (a, b) in enumerate(pairs) if a != b), min(len(self.held), len(prompt))
        )
        most, size = min(shared, len(prompt) - 1), self.batch_size
        if pause == self.pause and 0 < pause <= most:
            kept = pause + (most - pause) // size * size
        else:
            kept = min((most, *filter(None, (pause, self.pause)))) // size * size
        if kept > 0 and self._forget_from(kept):
            del self.held[kept:]
        else:
            self.clear()
        self.pause = pause
        return len(self.held)

    def _forget_from(self, position: int) -> bool:
        """Drop the tokens from `position` on; False if the cache cannot be cut there, or has lost
        its beginning, as happens with recurrent models and sliding windows."""
        if llama.llama_memory_seq_pos_min(self.memory, 0) != 0:
            return False
        return bool(llama.llama_memory_seq_rm(self.memory, 0, position, -1))

    def decode(self, tokens: Sequence[int], at: int, wanted: int) -> bool:
        """Read `tokens` (at most a batch) at position `at`, with logits for the last `wanted`.

        False if the stop flag ended it; ModelError if llama.cpp failed.
        """
        n = len(tokens)
        self.batch.n_tokens = n
        self._tokens[:n] = tokens
        self._positions[:n] = np.arange(at, at + n)
        self._wanted[: n - wanted] = 0
        self._wanted[n - wanted : n] = 1
        read = self._decode(n, at)
        if read and at == len(self.held) and (n == self.batch_size or at + n == self.pause):
            self.held += tokens
        return read

    def step(self, token: int, at: int) -> bool:
        """The same as `decode` for one token and its logits, but faster."""
        self.batch.n_tokens = 1
        self._tokens[0], self._positions[0], self._wanted[0] = token, at, 1
        return self._decode(1, at)

    def _decode(self, n: int, at: int) -> bool:
        code = llama.llama_decode(self.context, self.batch)
        if code in (0, ABORTED):
            return code == 0 and not self.stop
        raise LlamaFailure(
            f"llama.cpp could not read {n} tokens at position {at} (code {code})",
            "the last lines of its log say why",
        )

    def logits(self, row: int) -> npt.NDArray[np.float32]:
        """A view of one row of logits of the last decode, [vocabulary]; -1 is the last token's."""
        pointer = llama.llama_get_logits_ith(self.context, row)
        address = ctypes.addressof(pointer.contents) if pointer else 0
        if address != self._logits[0]:  # it rarely changes
            self._logits = (address, view(pointer, self.n_vocab, np.float32))
        return self._logits[1]

    def free(self) -> None:
        """Free the memory of the cache."""
        if self.context:
            llama.llama_batch_free(self.batch)
            llama.llama_free(self.context)
            self.context = None


def view(pointer: Any, length: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """The `length` values at a C pointer as an array, without a copy."""
    address = ctypes.cast(pointer, ctypes.c_void_p).value
    if address is None:
        raise ModelError("llama.cpp returned no logits", "report this")
    kind = np.dtype(dtype)
    memory: Any = (ctypes.c_char * (length * kind.itemsize)).from_address(address)
    return np.frombuffer(memory, kind)


DEVICE_KINDS = ("CPU", "GPU", "integrated GPU", "accelerator", "meta")  # ggml_backend_dev_type


def describe() -> dict[str, Any]:
    """Version, instruction sets by llama.cpp's names, and the devices it finds."""
    from importlib.metadata import version

    llama.llama_log_set(LOG, None)
    llama.llama_backend_init()
    features = llama.llama_print_system_info().decode("utf-8", "replace")
    return {
        "version": version("llama-cpp-python"),
        "features": features,
        "devices": [describe_device(number) for number in range(device_count())],
    }


def ggml_function(name: str, result: Any, *arguments: Any) -> Any:
    """A function of ggml's device list; it is in a different library on each system."""
    for library in (ggml(), llama._lib):
        function = getattr(library, name, None)
        if function is not None:
            function.restype, function.argtypes = result, arguments
            return function
    raise ModelError(f"this llama.cpp has no {name}", "install a supported llama-cpp-python")


def device_count() -> int:
    """How many devices ggml found."""
    return int(ggml_function("ggml_backend_dev_count", ctypes.c_size_t)())


def describe_device(number: int) -> dict[str, Any]:
    """Name, kind and memory of one device."""
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    size = ctypes.POINTER(ctypes.c_size_t)
    device = ggml_function("ggml_backend_dev_get", pointer, ctypes.c_size_t)(number)
    kind = ggml_function("ggml_backend_dev_type", ctypes.c_int, pointer)(device)
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    memory = ggml_function("ggml_backend_dev_memory", None, pointer, size, size)
    memory(device, ctypes.byref(free), ctypes.byref(total))
    return {
        "name": ggml_function("ggml_backend_dev_name", text, pointer)(device).decode(),
        "description": ggml_function("ggml_backend_dev_description", text, pointer)(
            device
        ).decode(),
        "kind": DEVICE_KINDS[kind] if kind < len(DEVICE_KINDS) else "other",
        "free": free.value,
        "total": total.value,
    }


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
