"""Bytes of packed blocks as lanes: what decoders need beside `lanes`.

`at` is an index into the flat bytes, `bytes_at` reads 16 of them; no index is checked here. With
NUMBA_DISABLE_JIT=1 the same names are numpy functions with the same results. Knows no formats.
"""

import numpy as np
from numba import config, types
from numba.extending import intrinsic

LANES = 16


def _numpy_twins():
    def bytes_at(array, at):
        """16 unsigned bytes -> integer lanes."""
        return array.reshape(-1)[at : at + LANES].astype(np.int32)

    def signed_bytes_at(array, at):
        """16 signed bytes -> integer lanes."""
        return array.reshape(-1)[at : at + LANES].view(np.int8).astype(np.int32)

    def two_rows(table, a, b):
        """Rows a and b of i8[rows, 8] -> integer lanes."""
        return table[[a, b]].reshape(-1).astype(np.int32)

    def four_rows(table, a, b, c, d):
        """Rows a, b, c and d of i8[rows, 4] -> integer lanes."""
        return table[[a, b, c, d]].reshape(-1).astype(np.int32)

    def floats(lanes):
        """Integer lanes -> float lanes."""
        return lanes.astype(np.float32)

    def ramp():
        """Integer lanes 0, 1, 2 .. 15."""
        return np.arange(LANES, dtype=np.int32)

    return bytes_at, signed_bytes_at, two_rows, four_rows, floats, ramp


def _llvm_twins():
    from llvmlite import ir

    from edgemed_native.lanes_llvm import F32S, I32, I32S, f32s, i32s

    def load(context, builder, sig, args, at, width):
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        kind = ir.VectorType(ir.IntType(8), width)
        value = builder.load(builder.bitcast(builder.gep(data, [at]), kind.as_pointer()))
        value.align = 1
        return value

    def one_run(widen):
        def codegen(context, builder, sig, args):
            return getattr(builder, widen)(load(context, builder, sig, args, args[1], LANES), I32S)

        return codegen

    def join(builder, low, high):
        picks = list(range(2 * low.type.count))
        return builder.shuffle_vector(low, high, ir.Constant(ir.VectorType(I32, len(picks)), picks))

    def rows_of(width):
        def codegen(context, builder, sig, args):
            starts = [builder.mul(row, row.type(width)) for row in args[1:]]
            rows = [load(context, builder, sig, args, start, width) for start in starts]
            while len(rows) > 1:
                rows = [join(builder, *rows[i : i + 2]) for i in range(0, len(rows), 2)]
            return builder.sext(rows[0], I32S)

        return codegen

    @intrinsic
    def bytes_at(typingctx, array, at):
        return i32s(array, types.intp), one_run("zext")

    @intrinsic
    def signed_bytes_at(typingctx, array, at):
        return i32s(array, types.intp), one_run("sext")

    @intrinsic
    def two_rows(typingctx, table, a, b):
        return i32s(table, *(types.intp,) * 2), rows_of(8)

    @intrinsic
    def four_rows(typingctx, table, a, b, c, d):
        return i32s(table, *(types.intp,) * 4), rows_of(4)

    @intrinsic
    def floats(typingctx, lanes):
        return f32s(i32s), lambda context, builder, sig, args: builder.sitofp(args[0], F32S)

    @intrinsic
    def ramp(typingctx):
        return i32s(), lambda context, builder, sig, args: ir.Constant(I32S, list(range(LANES)))

    return bytes_at, signed_bytes_at, two_rows, four_rows, floats, ramp


bytes_at, signed_bytes_at, two_rows, four_rows, floats, ramp = (
    _numpy_twins() if config.DISABLE_JIT else _llvm_twins()
)
