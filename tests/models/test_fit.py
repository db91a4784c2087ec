"""The fit arithmetic: published KV sizes, choices in order, refusals with numbers and a remedy."""

from dataclasses import replace

import pytest
from edgemed_models.base import ModelError
from edgemed_models.engine.fit import (
    GPU_DRIVER,
    GPU_MARGIN,
    compute_bytes,
    fit,
    kv_bytes,
    largest_context,
    sequences_for,
)
from edgemed_models.engine.memory_plan import MIB, DoesNotFit, Gpu, Layer, ModelSizes, Wish, explain
from edgemed_models.machine import Memory

GIB = 1 << 30


def llama(layers: int, kv_heads: int, head: int, nbytes: int, width: int = 3072) -> ModelSizes:
    """A Llama-like shape whose file is `nbytes`, all of it in types the CPU copies."""
    layer = Layer(nbytes // (layers + 4), kv_heads, head, head)
    return ModelSizes(
        layers=(layer,) * layers,
        other_bytes=nbytes - layers * layer.nbytes,
        output_bytes=(nbytes - layers * layer.nbytes) // 2,
        tied=False,
        repackable=nbytes,
        width=width,
        inner=8192,
        heads=24,
        head_length=head,
        vocabulary=128256,
        train_context=131072,
    )


THREE_B = llama(28, 8, 128, int(1.9 * GIB))
WISH = Wish(tokens=3500, threads=4)


@pytest.mark.parametrize(
    ("layers", "kv_heads", "head", "f16", "q8"),
    [
        (16, 8, 64, 256, 136),  # Llama 3.2 1B at 8,192 tokens, MiB
        (28, 8, 128, 896, 476),  # Llama 3.2 3B
        (32, 8, 128, 1024, 544),  # Llama 3.1 8B, Mistral 7B
        (36, 2, 128, 288, 153),  # Qwen2.5 3B
        (28, 4, 128, 448, 238),  # Qwen2.5 7B
    ],
)
def test_the_kv_cache_has_its_published_size(
    layers: int, kv_heads: int, head: int, f16: int, q8: int
) -> None:
    shape = llama(layers, kv_heads, head, GIB)
    assert kv_bytes(shape.layers, 8192, "f16") == f16 * MIB
    assert kv_bytes(shape.layers, 8192, "q8_0") == q8 * MIB


def test_with_room_the_plan_keeps_every_comfort_and_takes_the_context_from_the_note() -> None:
    plan = fit(THREE_B, Memory(16 * GIB, 12 * GIB), WISH)
    assert (plan.context, plan.kv_type, plan.repack, plan.gpu_layers) == (3584, "f16", True, 0)


def test_the_copy_of_the_weights_goes_before_the_kv_cache_shrinks_and_that_before_a_refusal() -> (
    None
):
    seen = []
    for free in range(5000, 2000, -10):
        try:
            plan = fit(THREE_B, Memory(8 * GIB, free * MIB), WISH)
        except ModelError:
            seen.append("refused")
            continue
        seen.append(f"{plan.kv_type} {plan.repack}")
        assert plan.needed <= free * MIB
    order = list(dict.fromkeys(seen))
    assert order == ["f16 True", "f16 False", "q8_0 False", "refused"]


def test_a_refusal_names_what_is_needed_what_is_free_and_what_would_fit() -> None:
    memory = Memory(8 * GIB, 3200 * MIB)
    wish = replace(WISH, tokens=100_000)
    with pytest.raises(ModelError) as refused:
        fit(THREE_B, memory, wish)
    assert "MiB needed" in refused.value.message and "free" in refused.value.message
    nearest = int(refused.value.hint.split()[0])
    assert fit(THREE_B, memory, replace(WISH, context=nearest)).fits
    with pytest.raises(ModelError):
        fit(THREE_B, memory, replace(WISH, context=nearest + 256))


def test_a_context_that_the_user_set_too_large_is_refused_with_one_that_would_do() -> None:
    with pytest.raises(DoesNotFit) as refused:
        fit(THREE_B, Memory(8 * GIB, 3200 * MIB), replace(WISH, context=100_096))
    context = int(refused.value.hint.split()[3])
    assert refused.value.hint.startswith("a context of ") and context >= WISH.tokens
    assert not refused.value.plan.fits and refused.value.plan.context == 100_096


def test_under_a_private_limit_that_no_model_fits_the_refusal_says_how_much_is_missing() -> None:
    with pytest.raises(DoesNotFit) as refused:
        fit(THREE_B, Memory(8 * GIB, 6 * GIB, private=200 * MIB), WISH)
    missing = -(-(refused.value.plan.private - 200 * MIB) // MIB)
    assert "no model would fit" in refused.value.hint
    assert f"free {missing + 16} MiB more" in refused.value.hint


def test_where_no_context_fits_the_refusal_names_a_file_size_that_would() -> None:
    with pytest.raises(ModelError) as refused:
        fit(THREE_B, Memory(2 * GIB, GIB), WISH)
    assert "a model file of up to" in refused.value.hint


@pytest.mark.parametrize(
    "mine", [{"kv_type": "f16"}, {"repack": True}, {"context": 8192}, {"gpu_layers": 3}]
)
def test_what_the_user_sets_is_never_changed(mine: dict[str, object]) -> None:
    for free in range(6000, 2000, -50):
        try:
            plan = fit(THREE_B, Memory(8 * GIB, free * MIB), replace(WISH, **mine))  # type: ignore[arg-type]
        except ModelError:
            continue
        assert all(getattr(plan, key) == value for key, value in mine.items())


def test_a_text_past_the_training_length_is_refused_however_much_memory_there_is() -> None:
    with pytest.raises(ModelError, match="trained for 131072"):
        fit(THREE_B, Memory(512 * GIB, 500 * GIB), replace(WISH, tokens=140_000))


def test_a_limit_on_private_memory_counts_all_but_the_mapped_weights() -> None:
    memory = Memory(64 * GIB, 60 * GIB, private=900 * MIB)
    plan = fit(THREE_B, memory, WISH)
    assert not plan.repack and plan.private <= 900 * MIB < plan.needed


@pytest.mark.parametrize(
    ("gpu_layers", "weights", "kv", "compute"),
    [  # MiB as llama.cpp 0c1e57098 logged them on a CUDA card
        (1, 266.16, 0, 31.25),
        (2, 327.80, 4, 31.25),
        (9, 759.29, 32, 31.25),
        (17, 1252.41, 64, 15.50),
    ],
)
def test_the_output_goes_to_a_gpu_first_and_then_blocks_as_llama_cpp_counts_them(
    gpu_layers: int, weights: float, kv: float, compute: float
) -> None:
    layer = Layer(int(61.64 * MIB), 8, 64, 64)
    output = int(266.16 * MIB)
    shape = ModelSizes((layer,) * 16, output, output, True, 0, 2048, 8192, 32, 64, 128256, 8192)
    wish = Wish(1000, 8, context=2048, gpu_layers=gpu_layers)
    plan = fit(shape, Memory(16 * GIB, 12 * GIB), wish, Gpu("card", 8 * GIB, 8 * GIB))
    logged = weights + kv + compute
    assert logged - 17 <= plan.on_gpu / MIB <= logged + 10  # 17: one matrix on its way there
    assert plan.weights / MIB == pytest.approx(1252.41 + 266.16 - weights, abs=1)


def test_beside_a_card_the_faster_copy_is_planned_only_where_llama_cpp_makes_it() -> None:
    memory, card = Memory(16 * GIB, 12 * GIB), Gpu("card", 8 * GIB, 8 * GIB)
    some, none = (fit(THREE_B, memory, replace(WISH, gpu_layers=n), card) for n in (9, 0))
    assert some.repack and some.copy == 0
    assert none.copy == THREE_B.repackable
    apple = fit(THREE_B, memory, replace(WISH, gpu_layers=9), card._replace(mapped=True))
    assert 0 < apple.copy < THREE_B.repackable


def test_a_tied_embedding_is_counted_once_where_the_file_itself_is_read() -> None:
    memory, wish = Memory(16 * GIB, 12 * GIB), replace(WISH, gpu_layers=99)
    tied = replace(THREE_B, tied=True, output_bytes=THREE_B.other_bytes)
    apple = fit(tied, memory, wish, Gpu("card", 8 * GIB, 8 * GIB, shared=True, mapped=True))
    card = fit(tied, memory, wish, Gpu("card", 8 * GIB, 8 * GIB))
    assert (apple.weights, card.weights) == (0, tied.output_bytes)
    assert apple.on_gpu == card.on_gpu > tied.weights and apple.gpu_layers == 29


def test_under_a_private_limit_there_must_be_room_for_the_cards_driver_too() -> None:
    memory = Memory(16 * GIB, 12 * GIB, private=GPU_DRIVER + 400 * MIB)
    wish = replace(WISH, gpu_layers=29)
    assert fit(THREE_B, memory, wish, Gpu("card", 8 * GIB, 8 * GIB)).fits
    with pytest.raises(DoesNotFit):
        fit(THREE_B, replace(memory, private=GPU_DRIVER), wish, Gpu("card", 8 * GIB, 8 * GIB))


def test_a_card_too_small_for_the_output_and_a_block_gets_nothing() -> None:
    memory = Memory(16 * GIB, 12 * GIB)
    block = THREE_B.layers[0].nbytes + kv_bytes(THREE_B.layers[:1], 3584, "f16")
    least = GPU_MARGIN + compute_bytes(THREE_B, 128, 3584) + THREE_B.output_bytes + block
    plans = [fit(THREE_B, memory, WISH, Gpu("card", free, 4 * GIB)) for free in (least - 1, least)]
    assert [plan.gpu_layers for plan in plans] == [0, 2]
    assert plans[0].on_gpu == 0 and plans[1].on_gpu == least - GPU_MARGIN


def test_on_a_gpu_as_many_layers_as_fit_with_their_cache_go_there() -> None:
    memory = Memory(16 * GIB, 12 * GIB)
    layers = [
        fit(THREE_B, memory, WISH, Gpu("card", int(gib * GIB), 8 * GIB)).gpu_layers
        for gib in (0.5, 1.5, 2.5, 4, 8)
    ]
    assert layers == sorted(layers) and layers[0] == 0 and layers[-1] == 29
    plan = fit(THREE_B, memory, WISH, Gpu("card", 2 * GIB, 8 * GIB))
    assert plan.on_gpu <= 2 * GIB - 512 * MIB


def test_the_largest_context_fits_and_the_next_step_does_not() -> None:
    memory = Memory(8 * GIB, 4000 * MIB)
    context = largest_context(THREE_B, memory, WISH)
    assert fit(THREE_B, memory, replace(WISH, context=context)).fits


def test_the_explanation_adds_up() -> None:
    plan = fit(THREE_B, Memory(16 * GIB, 12 * GIB), WISH)
    numbers = [int(line.split()[0].replace(",", "")) for line in explain(plan)]
    assert abs(sum(numbers[:5]) - numbers[5]) <= 5


@pytest.mark.parametrize(
    ("layers", "width", "inner", "heads", "batch", "context", "logged"),
    [  # MiB as llama.cpp 0c1e57098 logged them on a CPU
        (8, 1024, 2816, 16, 128, 4096, 7.13),
        (8, 1024, 2816, 16, 512, 4096, 28.51),
        (8, 1024, 2816, 16, 512, 8192, 32.51),
        (2, 2048, 8192, 32, 512, 8192, 72.01),
        (2, 256, 512, 4, 128, 512, 4.05),
    ],
)
def test_the_compute_buffer_is_bounded_closely(
    layers: int, width: int, inner: int, heads: int, batch: int, context: int, logged: float
) -> None:
    layer = Layer(1, 8, 64, 64)
    shape = ModelSizes((layer,) * layers, 1, 1, True, 0, width, inner, heads, 64, 128256, 8192)
    bound = compute_bytes(shape, batch, context) / MIB
    assert logged <= bound <= 1.3 * logged + 5


@pytest.mark.parametrize(("outputs", "logged"), [(8, 3.63), (64, 12.56), (128, 24.56)])
def test_rows_of_logits_are_in_the_bound_twice(outputs: int, logged: float) -> None:
    """SmolLM2-135M, 1,024 tokens: the compute buffer in MiB as logged, and the rows handed out."""
    layers = (Layer(1, 3, 64, 64),) * 30
    shape = ModelSizes(layers, 1, 1, True, 0, 576, 1536, 9, 64, 49152, 8192)
    handed_out = 4 * outputs * 49152 / MIB
    bound = compute_bytes(shape, 128, 1024, outputs) / MIB
    assert logged + handed_out <= bound <= 1.3 * (logged + handed_out) + 1


def test_as_many_requests_at_once_as_there_is_room_for() -> None:
    wish = Wish(tokens=8000, threads=4)
    roomy = Memory(64 * GIB, 60 * GIB)
    plan = fit(THREE_B, roomy, wish)
    assert sequences_for(THREE_B, roomy, plan, wish, 8, None) == 8
    bound = replace(roomy, free=plan.needed + plan.kv * 5 // 2 + 4 * GIB)
    few = sequences_for(THREE_B, bound, plan, wish, 8, None)
    assert 2 <= few < 8
    scarce = replace(roomy, free=plan.needed + plan.kv // 4 + int(0.05 * roomy.total))
    assert sequences_for(THREE_B, scarce, plan, wish, 8, None) == 1
