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

    def floats(lanes):
        """Integer lanes -> float lanes."""
        return lanes.astype(np.float32)

    def ramp():
        """Integer lanes 0, 1, 2 .. 15."""
        return np.arange(LANES, dtype=np.int32)

    return bytes_at, signed_bytes_at, floats, ramp


def _llvm_twins():
    from llvmlite import ir

    from edgemed_native.lanes_llvm import F32S, I32S, U8S, f32s, i32s

    def load(widen):
        def codegen(context, builder, sig, args):
            data = context.make_array(sig.args[0])(context, builder, args[0]).data
            pointer = builder.bitcast(builder.gep(data, [args[1]]), U8S.as_pointer())
            value = builder.load(pointer)
            value.align = 1
            return getattr(builder, widen)(value, I32S)

        return codegen

    @intrinsic
    def bytes_at(typingctx, array, at):
        return i32s(array, types.intp), load("zext")

    @intrinsic
    def signed_bytes_at(typingctx, array, at):
        return i32s(array, types.intp), load("sext")

    @intrinsic
    def floats(typingctx, lanes):
        return f32s(i32s), lambda context, builder, sig, args: builder.sitofp(args[0], F32S)

    @intrinsic
    def ramp(typingctx):
        return i32s(), lambda context, builder, sig, args: ir.Constant(I32S, list(range(LANES)))

    return bytes_at, signed_bytes_at, floats, ramp


bytes_at, signed_bytes_at, floats, ramp = _numpy_twins() if config.DISABLE_JIT else _llvm_twins()
