"""First weights that already copy: a pair of layers set by hand as an induction circuit.

A small model finds copying late and all at once, after millions of tokens. Here it starts so:

    layer 0   two heads look one token back and write what they see into the stream's upper half
    layer 1   two heads look for a place whose upper half equals the current token, and write the
              token that stands there into the lower half, which is also the space of the output

    stream    [ 0: constant | 1 ... 127: this token | 128 ... 255: the token before ]

Looking one back needs no content: with a constant in the stream, query and key are fixed vectors
whose rotary phases agree at distance one. Matching content must not turn with distance, so it uses
the slow half of the rotary pairs. Everything else starts at random, and all of it is trained.
"""

import torch
from model import Llama
from torch import Tensor

TOKEN_SCALE = 0.1  # standard deviation of a token's 127 numbers
FAST = 10  # the rotary pairs that tell neighbours apart
BACK = 12.0  # length of each rotary pair of the query that looks back, after the norm
MATCH = 3.0  # gain of queries and keys that match content
COPY = 3.0  # the copied token stands this many times stronger than the token itself


@torch.no_grad()
def plant(model: Llama) -> None:
    """Overwrite the embedding and parts of layers 0 and 1 of a fresh model."""
    if model.shape.width != 256 or model.shape.head_width != 64 or model.shape.kv_heads < 2:
        raise ValueError("planting is written for width 256 and heads of width 64")
    embedding = model.token_embd.weight
    constant = TOKEN_SCALE * 127**0.5
    embedding[:, 0] = constant
    spread = torch.randn_like(embedding[:, 1:128])
    # Equal norms: else a token's norm would scale its key, and so where the heads look.
    embedding[:, 1:128] = spread * constant / spread.norm(dim=1, keepdim=True)
    embedding[:, 128:] = 0.0
    for pair in range(2):
        look_back(model, pair, seen=rms(constant, parts=1))
        match_and_copy(model, pair, seen=rms(constant, parts=2))


def rms(constant: float, parts: int) -> float:
    """Root mean square of the stream when it holds the constant and `parts` token copies."""
    return float((constant**2 * (1 + parts) / 256) ** 0.5)


def rows_of(pair: int, model: Llama) -> tuple[list[slice], slice]:
    """The query heads that share key/value head `pair`, and that head's own rows."""
    width, repeat = model.shape.head_width, model.shape.heads // model.shape.kv_heads
    heads = range(pair * repeat, (pair + 1) * repeat)
    return [slice(h * width, (h + 1) * width) for h in heads], slice(
        pair * width, (pair + 1) * width
    )


def carried(pair: int) -> slice:
    """The part of the stream (64 of 128 places) that a value head carries."""
    return slice(64 * pair, 64 * pair + 64)


def look_back(model: Llama, pair: int, seen: float) -> None:
    """Layer 0: attend to the token before, and write it 128 places higher."""
    block = model.blk[0]
    queries, own = rows_of(pair, model)
    gain = BACK * seen / float(model.token_embd.weight[0, 0])
    at_zero, at_one = torch.zeros(64), torch.zeros(64)
    fast = slice(0, 2 * FAST)
    at_zero[fast][0::2] = gain
    at_one[fast][0::2] = gain * model.cos[1, 0, :FAST]
    at_one[fast][1::2] = gain * model.sin[1, 0, :FAST]
    # R(i) q . R(j) k with q = R(-1) k is largest at i - j = 1.
    block.attn_k.weight[own] = 0.0
    block.attn_k.weight[own, 0] = at_one
    for rows in queries:
        block.attn_q.weight[rows] = 0.0
        block.attn_q.weight[rows, 0] = at_zero
    carry(block, pair, queries, own, to=128, gain=seen)


def match_and_copy(model: Llama, pair: int, seen: float) -> None:
    """Layer 1: attend to where the token before equals this token, and write what stands there."""
    block = model.blk[1]
    queries, own = rows_of(pair, model)
    slow = torch.arange(32, 64)
    source = torch.arange(1, 33) + 63 * pair
    key = torch.zeros(64, 256)
    key[slow, source + 128] = MATCH
    query = torch.zeros(64, 256)
    query[slow, source] = MATCH
    block.attn_k.weight[own] = key
    for rows in queries:
        block.attn_q.weight[rows] = query
    carry(block, pair, queries, own, to=0, gain=COPY * seen)


def carry(
    block: torch.nn.Module, pair: int, queries: list[slice], own: slice, to: int, gain: float
) -> None:
    """Values are this token's part of the stream; the heads write it `to` places higher."""
    place = carried(pair)
    value = torch.zeros(64, 256)
    value[:, place] = torch.eye(64)
    if pair == 0:
        value[0, 0] = 0.0  # the constant is not carried
    block.attn_v.weight[own] = value
    out: Tensor = block.attn_output.weight
    for rows in queries:
        out[:, rows] = 0.0
        out[to + place.start : to + place.stop, rows] = torch.eye(64) * gain / len(queries)
