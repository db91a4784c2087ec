"""Sixteen comparisons at once, as the bits of one number: faster than a loop over single ones.

With NUMBA_DISABLE_JIT=1 the same functions are plain Python and give the same numbers.
"""

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic

LANES = 16
WORD = ir.IntType(32)
WORDS = ir.VectorType(WORD, LANES)
WITHOUT_SIGN = 0x7FFFFFFF


@intrinsic
def _window(typingctx, values, at, start, size):
    def codegen(context, builder, sig, args):
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        raw = builder.load(builder.bitcast(builder.gep(data, [args[1]]), WORDS.as_pointer()))
        raw.align = 4
        bits = builder.and_(raw, ir.Constant(WORDS, [WITHOUT_SIGN] * LANES))
        first, width = (_everywhere(builder, word) for word in args[2:])
        below = _as_bits(builder, builder.icmp_unsigned("<", bits, first))
        inside = _as_bits(builder, builder.icmp_unsigned("<", builder.sub(bits, first), width))
        count = builder.shl(builder.ctpop(below), ir.Constant(WORD, LANES))
        return builder.or_(inside, count)

    return types.uint32(values, types.intp, types.uint32, types.uint32), codegen


@intrinsic
def _lowest(typingctx, mask):
    def codegen(context, builder, sig, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.uint32(types.uint32), codegen


def _everywhere(builder, word):
    nothing = ir.Constant(WORDS, ir.Undefined)
    one = builder.insert_element(nothing, word, ir.Constant(WORD, 0))
    return builder.shuffle_vector(one, nothing, ir.Constant(WORDS, [0] * LANES))


def _as_bits(builder, truths):
    return builder.zext(builder.bitcast(truths, ir.IntType(LANES)), WORD)


def _window_in_python(values, at, start, size):
    """For the f32[16] |values| from `at`: a bit for each whose bits are from `start` (u32) to below
    `start + size`; the upper 16 bits of the result count those below `start`."""
    bits = values[at : at + LANES].view(np.uint32) & np.uint32(WITHOUT_SIGN)
    inside = sum(1 << i for i, b in enumerate(bits.tolist()) if 0 <= b - int(start) < int(size))
    return np.uint32(inside | int((bits < start).sum()) << LANES)


def _lowest_in_python(mask):
    """The index of the lowest bit that is set; at least one must be."""
    return (int(mask) & -int(mask)).bit_length() - 1


window = _window_in_python if config.DISABLE_JIT else _window
lowest = _lowest_in_python if config.DISABLE_JIT else _lowest
