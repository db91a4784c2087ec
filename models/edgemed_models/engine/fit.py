"""Whether a model fits in memory, as arithmetic that can be printed: numbers in, a plan out.

    needed = weights + faster copy of weights + KV cache + compute buffer + process

Reads no file and asks the system nothing. The user's options are never changed; the open ones are
tried in this order: the fastest way, then without the CPU's faster copy of the weights, then with
an 8-bit KV cache. The context comes from the note, never from the training length.
"""

from collections.abc import Iterator
from dataclasses import replace

from edgemed_models.base import ModelError
from edgemed_models.engine.memory_plan import (
    MIB,
    DoesNotFit,
    Gpu,
    Layer,
    MemoryPlan,
    ModelSizes,
    Wish,
    mib,
)
from edgemed_models.engine.settings import OUTPUTS, KVType
from edgemed_models.machine import Memory

CONTEXT_STEP = 256  # llama.cpp rounds contexts up to this
KV_BYTES = {"f16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32}  # per value: ggml blocks of 32
KV_BLOCK = 32

# Measured with llama.cpp 0c1e57098 on x86-64: Python, numpy and the libraries take about 100 MiB
# of private memory, a vocabulary 800 bytes per token, and each compute thread its stack and arena.
PROCESS = 100 * MIB
PER_VOCABULARY_TOKEN = 800
PER_THREAD = 10 * MIB

# Measured on one CUDA card: up to 120 MiB more than the plan. CUDA's own 524 MiB are not included,
# because the process that reports free memory already holds them. The rest of the margin is for
# other programs, such as a desktop. The driver also reserves up to 810 MiB of the process's private
# memory, but hardly uses them.
GPU_MARGIN = 512 * MIB
GPU_DRIVER = 900 * MIB

MARGIN_SHARE = 0.05  # this share of all memory stays free for everything else ...
MARGIN_LEAST = 256 * MIB  # ... but at least this
PRIVATE_MARGIN = 16 * MIB


def fit(shape: ModelSizes, memory: Memory, wish: Wish, gpu: Gpu | None = None) -> MemoryPlan:
    """The first plan that fits. Raises DoesNotFit with the numbers and what would fit."""
    context = check_context(shape, wish)
    plans = [costs(shape, memory, choice, gpu) for choice in choices(shape, wish, context)]
    for plan in plans:
        if plan.fits:
            return plan
    raise refusal(shape, memory, wish, gpu, plans[-1])


def check_context(shape: ModelSizes, wish: Wish) -> int:
    """The context to plan for: the user's, or what the tokens need; at most the training length."""
    context = wish.context or round_up(wish.tokens)
    limit = max(round_up(shape.train_context), CONTEXT_STEP)
    if context > limit:
        raise ModelError(
            f"{context} tokens are needed; the model was trained for {shape.train_context} at most",
            "give a shorter text: beyond that length the model writes nonsense",
        )
    return context


def choices(shape: ModelSizes, wish: Wish, context: int) -> Iterator[Wish]:
    """The wish with its open options filled in, in order of preference."""
    eight_bit = all(layer.key_length % KV_BLOCK == 0 for layer in shape.layers)
    kinds: list[KVType] = ["f16", "q8_0"] if eight_bit else ["f16"]
    for kv_type in kinds if wish.kv_type is None else [wish.kv_type]:
        for repack in [True, False] if wish.repack is None else [wish.repack]:
            yield replace(wish, context=context, kv_type=kv_type, repack=repack)


def costs(shape: ModelSizes, memory: Memory, wish: Wish, gpu: Gpu | None) -> MemoryPlan:
    """The plan for a `wish` of which at most the GPU layers are open."""
    context, kv_type = wish.context or 0, wish.kv_type or "f16"
    compute = compute_bytes(shape, wish.batch, context, wish.outputs)
    gpu_layers = wish.gpu_layers
    if gpu_layers is None:
        gpu_layers = layers_for(shape, gpu, context, kv_type, compute) if gpu else 0
    gpu_layers = min(gpu_layers, len(shape.layers) + 1)
    offloaded = shape.layers[len(shape.layers) + 1 - gpu_layers :] if gpu_layers else ()
    output = shape.output_bytes if gpu_layers else 0
    gpu_weights = output + sum(layer.nbytes for layer in offloaded)
    gpu_kv = kv_bytes(offloaded, context, kv_type)
    cpu_weights = shape.weights - gpu_weights
    own_buffers = gpu is not None and not gpu.mapped and gpu_layers > 0
    cpu_share = 0 if own_buffers else cpu_weights / max(shape.weights, 1)
    kept = PRIVATE_MARGIN + (GPU_DRIVER if own_buffers else 0)
    return MemoryPlan(
        context=context,
        kv_type=kv_type,
        gpu_layers=gpu_layers,
        repack=bool(wish.repack),
        weights=cpu_weights + (output if shape.tied and own_buffers else 0),
        copy=int(shape.repackable * cpu_share) if wish.repack else 0,
        kv=kv_bytes(shape.layers, context, kv_type) - gpu_kv,
        compute=compute,
        process=PROCESS + PER_VOCABULARY_TOKEN * shape.vocabulary + PER_THREAD * wish.threads,
        on_gpu=gpu_weights + gpu_kv + (compute if gpu_layers else 0),
        shared=gpu is not None and gpu.shared,
        room=memory.free - int(max(MARGIN_LEAST, MARGIN_SHARE * memory.total)),
        private_room=None if memory.private is None else memory.private - kept,
    )


def sequences_for(
    shape: ModelSizes, memory: Memory, plan: MemoryPlan, wish: Wish, most: int, gpu: Gpu | None
) -> int:
    """How many requests of a plan's context fit at the same time: 1 to `most`.

    `wish` has the threads and the batch of the plan.
    """
    wish = replace(wish, kv_type=plan.kv_type, repack=plan.repack, gpu_layers=plan.gpu_layers)

    def fits(count: int) -> bool:
        taken = costs(shape, memory, replace(wish, context=count * plan.context), gpu)
        return replace(taken, compute=taken.compute + 4 * count * shape.vocabulary).fits

    return next((count for count in range(most, 1, -1) if fits(count)), 1)


def kv_bytes(layers: tuple[Layer, ...], context: int, kv_type: KVType) -> int:
    """KV cache of `layers`: context x sum over layers of heads x (key + value) x bytes each.

    Exact for full attention; models with a sliding window take less than this.
    """
    values = sum(n.kv_heads * (n.key_length + n.value_length) for n in layers)
    return int(round_up(context) * values * KV_BYTES[kv_type])


def compute_bytes(shape: ModelSizes, batch: int, context: int, outputs: int = OUTPUTS) -> int:
    """Upper bound of llama.cpp's compute buffer with flash attention.

    Per batch token in f32: gate and up rows of the feed-forward part, and eight rows of the
    attention part; or two rows and the logits where those are larger; and the f16 mask, batch x
    context. The logits have a second place, from which they are handed out.
    """
    rows = 2 * shape.inner + 4 * shape.width + 4 * shape.heads * shape.head_length
    logits = 4 * min(outputs, batch) * shape.vocabulary
    return (
        max(4 * batch * rows, 8 * batch * shape.width + logits)
        + 2 * batch * round_up(context)
        + logits
    )


def layers_for(shape: ModelSizes, gpu: Gpu, context: int, kv_type: KVType, compute: int) -> int:
    """How many layers fit on the GPU: the output, then blocks from the last on with their cache."""
    left = gpu.free - GPU_MARGIN - compute - shape.output_bytes
    fitting = 0
    for layer in reversed(shape.layers):
        left -= layer.nbytes + kv_bytes((layer,), context, kv_type)
        if left < 0:
            break
        fitting += 1
    return fitting + 1 if fitting else 0


def round_up(tokens: int) -> int:
    """`tokens` rounded up to a context size of llama.cpp."""
    return -(-tokens // CONTEXT_STEP) * CONTEXT_STEP


def largest_context(shape: ModelSizes, memory: Memory, wish: Wish, gpu: Gpu | None = None) -> int:
    """The longest context, up to the training length, that fits in some way; 0 if none does."""
    fitting, above = 0, shape.train_context // CONTEXT_STEP + 1
    while above - fitting > 1:  # if a context fits, so does every smaller one
        middle = (fitting + above) // 2
        tried = choices(shape, wish, middle * CONTEXT_STEP)
        if any(costs(shape, memory, choice, gpu).fits for choice in tried):
            fitting = middle
        else:
            above = middle
    return fitting * CONTEXT_STEP


def refusal(
    shape: ModelSizes, memory: Memory, wish: Wish, gpu: Gpu | None, least: MemoryPlan
) -> DoesNotFit:
    """The error if nothing fits: the smallest plan's numbers, and what would fit."""
    room, needed, what = least.room, least.needed, memory.limited_by
    if least.private_room is not None and least.private > least.private_room:
        room, needed, what = least.private_room, least.private, "the limit on private memory"
    return DoesNotFit(
        f"the model does not fit: {mib(needed)} needed for {least.context} tokens, "
        f"{mib(max(room, 0))} free within {what}",
        nearest(shape, memory, wish, gpu, least) + f"; or free {mib(needed - room)} more",
        least,
    )


def nearest(
    shape: ModelSizes, memory: Memory, wish: Wish, gpu: Gpu | None, least: MemoryPlan
) -> str:
    """What would fit: this model with less text, or a smaller model."""
    context = largest_context(shape, memory, wish, gpu)
    if context >= max(wish.tokens, 1):
        return f"a context of {context} tokens would fit"
    if context:
        return f"{context} tokens would fit: give a shorter text"
    room = least.room - (least.needed - least.weights)
    if room <= 0 or (least.private_room is not None and least.private > least.private_room):
        return "no model would fit with this context"
    return f"a model file of up to {mib(room)} would fit with this context"
