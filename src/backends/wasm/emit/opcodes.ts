/** Instruction encodings of the WebAssembly core, SIMD, relaxed SIMD and threads specifications that we use. */

/** Single-byte instructions without immediates. */
export const plain = {
  unreachable: 0x00,
  return: 0x0f,
  drop: 0x1a,
  select: 0x1b,
  'i32.eqz': 0x45,
  'i32.eq': 0x46,
  'i32.ne': 0x47,
  'i32.lt_s': 0x48,
  'i32.lt_u': 0x49,
  'i32.gt_s': 0x4a,
  'i32.le_s': 0x4c,
  'i32.ge_s': 0x4e,
  'i32.ge_u': 0x4f,
  'f32.eq': 0x5b,
  'f32.ne': 0x5c,
  'f32.lt': 0x5d,
  'f32.gt': 0x5e,
  'f32.le': 0x5f,
  'f32.ge': 0x60,
  'i32.add': 0x6a,
  'i32.sub': 0x6b,
  'i32.mul': 0x6c,
  'i32.div_s': 0x6d,
  'i32.div_u': 0x6e,
  'i32.rem_s': 0x6f,
  'i32.rem_u': 0x70,
  'i32.and': 0x71,
  'i32.or': 0x72,
  'i32.shl': 0x74,
  'i32.shr_u': 0x76,
  'f32.abs': 0x8b,
  'f32.neg': 0x8c,
  'f32.floor': 0x8e,
  'f32.sqrt': 0x91,
  'f32.add': 0x92,
  'f32.sub': 0x93,
  'f32.mul': 0x94,
  'f32.div': 0x95,
  'f32.min': 0x96,
  'f32.max': 0x97,
  'f64.add': 0xa0,
  'f64.div': 0xa3,
  'f32.convert_i32_s': 0xb2,
  'f32.demote_f64': 0xb6,
  'f64.convert_i32_s': 0xb7,
  'f64.promote_f32': 0xbb,
} as const

/** SIMD instructions without immediates (prefix 0xfd). */
export const simd = {
  'i32x4.splat': 17,
  'f32x4.splat': 19,
  'f32x4.eq': 65,
  'f32x4.ne': 66,
  'f32x4.lt': 67,
  'f32x4.gt': 68,
  'f32x4.le': 69,
  'f32x4.ge': 70,
  'i32x4.eq': 55,
  'i32x4.lt_s': 57,
  'i32x4.gt_s': 59,
  'v128.not': 77,
  'v128.and': 78,
  'v128.andnot': 79,
  'v128.or': 80,
  'v128.xor': 81,
  'v128.bitselect': 82,
  'v128.any_true': 83,
  'f32x4.demote_f64x2_zero': 0x5e,
  'f64x2.promote_low_f32x4': 0x5f,
  'f64x2.add': 0xf0,
  'f32x4.floor': 0x68,
  'i32x4.all_true': 163,
  'i32x4.bitmask': 164,
  'i32x4.shl': 171,
  'i32x4.shr_s': 172,
  'i32x4.shr_u': 173,
  'i32x4.add': 174,
  'i32x4.sub': 177,
  'i32x4.mul': 181,
  'i32x4.max_s': 184,
  'i64x2.extmul_low_i32x4_u': 222,
  'i64x2.extmul_high_i32x4_u': 223,
  'f32x4.abs': 224,
  'f32x4.neg': 225,
  'f32x4.sqrt': 227,
  'f32x4.add': 228,
  'f32x4.sub': 229,
  'f32x4.mul': 230,
  'f32x4.div': 231,
  'f32x4.min': 232,
  'f32x4.max': 233,
  'f32x4.pmin': 234,
  'f32x4.pmax': 235,
  'i32x4.trunc_sat_f32x4_s': 248,
  'f32x4.convert_i32x4_s': 250,
  'f32x4.convert_i32x4_u': 251,
  'i16x8.extend_low_i8x16_u': 137,
  'i32x4.extend_low_i16x8_u': 169,
  'f32x4.relaxed_madd': 0x105,
  'f32x4.relaxed_nmadd': 0x106,
} as const

/** Loads and stores: opcode, SIMD prefix, and the alignment (log₂ bytes) we promise. */
export const memory = {
  'i32.load': { code: 0x28, simd: false, align: 2 },
  'f32.load': { code: 0x2a, simd: false, align: 2 },
  'i32.load8_u': { code: 0x2d, simd: false, align: 0 },
  'i32.store': { code: 0x36, simd: false, align: 2 },
  'f32.store': { code: 0x38, simd: false, align: 2 },
  'i32.store8': { code: 0x3a, simd: false, align: 0 },
  'v128.load': { code: 0, simd: true, align: 2 },
  'v128.load32_splat': { code: 9, simd: true, align: 2 },
  'v128.store': { code: 11, simd: true, align: 2 },
  'v128.load32_zero': { code: 92, simd: true, align: 2 },
  'v128.load64_zero': { code: 93, simd: true, align: 2 },
  /** Begins to fetch a cache line: a hint, of native code only. No opcode of WebAssembly. */
  prefetch: { code: 0x27, simd: false, align: 0 },
} as const

/**
 * Instructions on vectors of 32 and 64 bytes, which WebAssembly does not have: native code (`backends/native`) is made from the
 * same functions, and there they are. They are named after those on vectors of 16 bytes, and have their opcodes plus a
 * multiple of `step`.
 */
export const longer = { step: 0x1000, lanes: [4, 8, 16], vectors: ['v128', 'v256', 'v512'] } as const

/** Names of the instructions on longer vectors that correspond to one. */
export type Longer<Name extends string> = Name extends `f32x4.${infer Rest}`
  ? `f32x${8 | 16}.${Rest}`
  : Name extends `i32x4.${infer Rest}`
    ? `i32x${8 | 16}.${Rest}`
    : Name extends `v128.${infer Rest}`
      ? `v${256 | 512}.${Rest}`
      : never

/** The name of an instruction on vectors of 16, 32 or 64 bytes (0, 1, 2), given that on vectors of 16. */
export const longerName = (name: string, length: number): string =>
  name.replace(/^([fi]32x)4\./, `$1${longer.lanes[length]}.`).replace(/^v128\./, `${longer.vectors[length]}.`)

/** Atomic instructions (prefix 0xfe), all on naturally aligned 32-bit words. */
export const atomic = {
  'memory.atomic.notify': 0x00,
  'memory.atomic.wait32': 0x01,
  'i32.atomic.load': 0x10,
  'i32.atomic.rmw.add': 0x1e,
  'i32.atomic.rmw.cmpxchg': 0x48,
} as const
