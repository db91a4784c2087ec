"""The functions of `lanes` as LLVM vectors of 16 (which LLVM splits on machines with shorter ones).

Operators + - * / work on float lanes, + | & << >> on integer lanes (>> only on numbers that are not
negative). lanes_numpy documents the functions and does the same in numpy.
"""

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing import signature
from numba.core.typing.templates import ConcreteTemplate, infer_global
from numba.extending import intrinsic, lower_builtin, models, register_model

LANES = 16
I32 = ir.IntType(32)
F32S = ir.VectorType(ir.FloatType(), LANES)
I32S = ir.VectorType(I32, LANES)
U8S = ir.VectorType(ir.IntType(8), LANES)
MAGIC = 12582912.0  # 1.5 * 2**23: adding it leaves no bits for a fraction


class Lanes(types.Type):
    """The type Numba sees; one instance for floats, one for integers."""

    def __init__(self, name, vector):
        self.vector = vector
        super().__init__(name)


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):
    def __init__(self, manager, fe_type):
        super().__init__(manager, fe_type, fe_type.vector)


f32s = Lanes("f32x16", F32S)
i32s = Lanes("i32x16", I32S)


def _operator(function, kind, instruction):
    """`function` on two lanes of `kind` is one LLVM instruction."""

    @infer_global(function)
    class _Typed(ConcreteTemplate):
        cases = (signature(kind, kind, kind),)

    @lower_builtin(function, kind, kind)
    def _lower(context, builder, sig, args):
        return getattr(builder, instruction)(*args)


for _function, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _operator(_function, f32s, _instruction)
for _function, _instruction in (
    (operator.or_, "or_"),
    (operator.and_, "and_"),
    (operator.lshift, "shl"),
    (operator.rshift, "lshr"),
    (operator.add, "add"),
):
    _operator(_function, i32s, _instruction)


def _constant(vector, value):
    return ir.Constant(vector, [value] * LANES)


def _data(context, builder, sig, args, which):
    return context.make_array(sig.args[which])(context, builder, args[which]).data


def _load(builder, data, at):
    value = builder.load(builder.bitcast(builder.gep(data, [at]), F32S.as_pointer()))
    value.align = 4
    return value


def _store(builder, value, data, at, align):
    pointer = builder.bitcast(builder.gep(data, [at]), value.type.as_pointer())
    builder.store(value, pointer).align = align


@intrinsic
def load(typingctx, array, at):
    def codegen(context, builder, sig, args):
        return _load(builder, _data(context, builder, sig, args, 0), args[1])

    return f32s(array, types.intp), codegen


@intrinsic
def store(typingctx, array, at, value):
    def codegen(context, builder, sig, args):
        _store(builder, args[2], _data(context, builder, sig, args, 0), args[1], 4)
        return context.get_dummy_value()

    return types.void(array, types.intp, f32s), codegen


@intrinsic
def store_bytes(typingctx, array, at, value):
    def codegen(context, builder, sig, args):
        narrow = builder.trunc(args[2], U8S)
        _store(builder, narrow, _data(context, builder, sig, args, 0), args[1], 1)
        return context.get_dummy_value()

    return types.void(array, types.intp, i32s), codegen


def _load_bytes(context, builder, sig, args, at, count):
    data = _data(context, builder, sig, args, 0)
    kind = ir.VectorType(ir.IntType(8), count)
    value = builder.load(builder.bitcast(builder.gep(data, [at]), kind.as_pointer()))
    value.align = 1
    return value


@intrinsic
def load_bytes(typingctx, array, at):
    def codegen(context, builder, sig, args):
        return builder.zext(_load_bytes(context, builder, sig, args, args[1], LANES), I32S)

    return i32s(array, types.intp), codegen


@intrinsic
def load_signed_bytes(typingctx, array, at):
    def codegen(context, builder, sig, args):
        return builder.sext(_load_bytes(context, builder, sig, args, args[1], LANES), I32S)

    return i32s(array, types.intp), codegen


def _joined(builder, low, high):
    picks = list(range(2 * low.type.count))
    return builder.shuffle_vector(low, high, ir.Constant(ir.VectorType(I32, len(picks)), picks))


def _rows(width):
    """Table rows of `width` bytes, joined into one vector."""

    def codegen(context, builder, sig, args):
        starts = [builder.mul(row, row.type(width)) for row in args[1:]]
        rows = [_load_bytes(context, builder, sig, args, start, width) for start in starts]
        while len(rows) > 1:
            rows = [_joined(builder, *rows[i : i + 2]) for i in range(0, len(rows), 2)]
        return builder.sext(rows[0], I32S)

    return codegen


@intrinsic
def two_rows(typingctx, table, a, b):
    return i32s(table, *(types.intp,) * 2), _rows(8)


@intrinsic
def four_rows(typingctx, table, a, b, c, d):
    return i32s(table, *(types.intp,) * 4), _rows(4)


@intrinsic
def numbers(typingctx, a):
    return f32s(i32s), lambda context, builder, sig, args: builder.sitofp(args[0], F32S)


@intrinsic
def ramp(typingctx):
    return i32s(), lambda context, builder, sig, args: ir.Constant(I32S, list(range(LANES)))


@intrinsic
def splat(typingctx, scalar):
    """float32 -> float lanes, int32 -> integer lanes."""
    kind = f32s if isinstance(scalar, types.Float) else i32s
    element = types.float32 if kind is f32s else types.int32

    def codegen(context, builder, sig, args):
        undefined = ir.Constant(kind.vector, ir.Undefined)
        first = builder.insert_element(undefined, args[0], ir.Constant(I32, 0))
        return builder.shuffle_vector(first, undefined, _constant(I32S, 0))

    return kind(element), codegen


def _call(name, arity):
    """One of LLVM's vector functions."""

    def codegen(context, builder, sig, args):
        kind = ir.FunctionType(F32S, [F32S] * arity)
        function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{LANES}f32")
        return builder.call(function, list(args))

    return codegen


@intrinsic
def fma(typingctx, a, b, c):
    return f32s(f32s, f32s, f32s), _call("fma", 3)


@intrinsic
def sqrt(typingctx, a):
    return f32s(f32s), _call("sqrt", 1)


@intrinsic
def absolute(typingctx, a):
    return f32s(f32s), _call("fabs", 1)


@intrinsic
def nearest(typingctx, a):
    def codegen(context, builder, sig, args):
        magic = _constant(F32S, MAGIC)
        return builder.fsub(builder.fadd(args[0], magic), magic)

    return f32s(f32s), codegen


@intrinsic
def integers(typingctx, a):
    return i32s(f32s), lambda context, builder, sig, args: builder.fptosi(args[0], I32S)


@intrinsic
def bits(typingctx, a):
    return i32s(f32s), lambda context, builder, sig, args: builder.bitcast(args[0], I32S)


@intrinsic
def floats(typingctx, a):
    return f32s(i32s), lambda context, builder, sig, args: builder.bitcast(args[0], F32S)


def _select(comparison):
    def codegen(context, builder, sig, args):
        yes, no = args[-2:]
        return builder.select(builder.fcmp_ordered(comparison, args[0], args[1]), yes, no)

    return codegen


@intrinsic
def larger(typingctx, a, b):
    return f32s(f32s, f32s), _select(">")


@intrinsic
def smaller(typingctx, a, b):
    return f32s(f32s, f32s), _select("<")


@intrinsic
def where_less(typingctx, a, b, yes, no):
    return f32s(f32s, f32s, f32s, f32s), _select("<")


def _shuffle(builder, a, b, picks):
    return builder.shuffle_vector(a, b, ir.Constant(I32S, picks))


def _quads(from_a, from_b):
    """Shuffle indices that repeat one pattern in each quarter (what unpack instructions do)."""
    pattern = [(0, p) for p in from_a], [(LANES, p) for p in from_b]
    mixed = [pick for pair in zip(*pattern, strict=True) for pick in pair]
    return [base + p + 4 * quarter for quarter in range(4) for base, p in mixed]


def _quarters(from_a, from_b):
    """Shuffle indices that move whole quarters: two of the first vector, two of the second."""
    starts = [4 * q for q in from_a] + [LANES + 4 * q for q in from_b]
    return [start + i for start in starts for i in range(4)]


def _columns_of_four(builder, rows):
    """Four rows -> four vectors; quarter q of vector c holds column 4 q + c of the four rows."""
    low, high = _quads([0, 1], [0, 1]), _quads([2, 3], [2, 3])
    a, b = (_shuffle(builder, rows[0], rows[1], picks) for picks in (low, high))
    c, d = (_shuffle(builder, rows[2], rows[3], picks) for picks in (low, high))
    first = [p + 4 * q for q in range(4) for p in (0, 1, LANES, LANES + 1)]
    second = [p + 4 * q for q in range(4) for p in (2, 3, LANES + 2, LANES + 3)]
    return [
        _shuffle(builder, a, c, first),
        _shuffle(builder, a, c, second),
        _shuffle(builder, b, d, first),
        _shuffle(builder, b, d, second),
    ]


def _transposed(builder, rows):
    """The columns of 16 rows: 64 shuffles in four rounds."""
    even, odd = _quarters([0, 2], [0, 2]), _quarters([1, 3], [1, 3])
    groups = [_columns_of_four(builder, rows[g : g + 4]) for g in range(0, LANES, 4)]
    columns = [None] * LANES
    for c in range(4):
        a, b, d, e = (group[c] for group in groups)
        halves = [_shuffle(builder, *pair, p) for p in (even, odd) for pair in ((a, b), (d, e))]
        for q, (top, bottom, picks) in enumerate(
            ((0, 1, even), (2, 3, even), (0, 1, odd), (2, 3, odd))
        ):
            columns[4 * q + c] = _shuffle(builder, halves[top], halves[bottom], picks)
    return columns


@intrinsic
def transpose(typingctx, src, first, last, stride, column, dst, at):
    def codegen(context, builder, sig, args):
        source, target = (_data(context, builder, sig, args, k) for k in (0, 5))
        _, first, last, stride, column, _, at = args
        rows = []
        for lane in range(LANES):
            block = builder.add(first, ir.Constant(first.type, lane))
            block = builder.select(builder.icmp_signed("<", block, last), block, last)
            rows.append(_load(builder, source, builder.add(builder.mul(block, stride), column)))
        for i, value in enumerate(_transposed(builder, rows)):
            there = builder.add(at, ir.Constant(at.type, LANES * i))
            _store(builder, value, target, there, 4)
        return context.get_dummy_value()

    intp = types.intp
    return types.void(src, intp, intp, intp, intp, dst, intp), codegen
