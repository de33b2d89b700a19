/** Encodings of the vector instructions in use (Intel's manual, volume 2). */
import type { VectorInstruction } from './x86.ts'

const packed = (opcode: number): VectorInstruction => ({ opcode, prefix: 0, map: 1 })
const single = (opcode: number): VectorInstruction => ({ opcode, prefix: 2, map: 1, bytes: 4 })
const double = (opcode: number): VectorInstruction => ({
  opcode,
  prefix: 3,
  map: 1,
  bytes: 8,
  wide: { vex: 0, evex: 1 },
})
const integer = (opcode: number): VectorInstruction => ({ opcode, prefix: 1, map: 1 })
const extended = (opcode: number): VectorInstruction => ({ opcode, prefix: 1, map: 2 })
const immediate = (opcode: number): VectorInstruction => ({ opcode, prefix: 1, map: 3 })

export const vectorInstructions = {
  addps: packed(0x58),
  mulps: packed(0x59),
  subps: packed(0x5c),
  minps: packed(0x5d),
  divps: packed(0x5e),
  maxps: packed(0x5f),
  sqrtps: packed(0x51),
  andps: packed(0x54),
  andnps: packed(0x55),
  orps: packed(0x56),
  xorps: packed(0x57),
  cmpps: packed(0xc2),
  shufps: packed(0xc6),
  cvtdq2ps: packed(0x5b),
  movaps: packed(0x28),
  loadups: packed(0x10),
  storeups: packed(0x11),
  addss: single(0x58),
  mulss: single(0x59),
  subss: single(0x5c),
  divss: single(0x5e),
  sqrtss: single(0x51),
  cmpss: single(0xc2),
  loadss: single(0x10),
  storess: single(0x11),
  cvtsi2ss: single(0x2a),
  cvtss2sd: single(0x5a),
  cvttps2dq: { opcode: 0x5b, prefix: 2, map: 1 },
  loadq: { opcode: 0x7e, prefix: 2, map: 1, bytes: 8, wide: { vex: 0, evex: 1 } },
  addsd: double(0x58),
  cvtsd2ss: double(0x5a),
  loadsd: double(0x10),
  storesd: double(0x11),
  addpd: { opcode: 0x58, prefix: 1, map: 1, wide: { vex: 0, evex: 1 } },
  cvtps2pd: { opcode: 0x5a, prefix: 0, map: 1, only: 'vex' },
  cvtpd2ps: { opcode: 0x5a, prefix: 1, map: 1, only: 'vex' },
  cvtudq2ps: { opcode: 0x7a, prefix: 3, map: 1, only: 'evex' },
  paddd: integer(0xfe),
  psubd: integer(0xfa),
  pcmpeqd: integer(0x76),
  pcmpgtd: integer(0x66),
  pshufd: integer(0x70),
  shiftd: integer(0x72),
  pmuludq: { opcode: 0xf4, prefix: 1, map: 1, wide: { vex: 0, evex: 1 } },
  movd: { opcode: 0x6e, prefix: 1, map: 1, bytes: 4 },
  storemovd: { opcode: 0x7e, prefix: 1, map: 1, bytes: 4 },
  pmulld: extended(0x40),
  pmaxsd: extended(0x3d),
  pmovzxbw: { opcode: 0x30, prefix: 1, map: 2, only: 'vex' },
  pmovzxwd: { opcode: 0x33, prefix: 1, map: 2, only: 'vex' },
  ptest: { opcode: 0x17, prefix: 1, map: 2, only: 'vex' },
  broadcastss: { opcode: 0x18, prefix: 1, map: 2, bytes: 4 },
  /** reg ← operand · place + reg, and reg ← reg · place + operand. */
  fmadd231ps: extended(0xb8),
  fmadd132ps: extended(0x98),
  fnmadd231ps: extended(0xbc),
  fnmadd132ps: extended(0x9c),
  roundps: immediate(0x08),
  roundss: { opcode: 0x0a, prefix: 1, map: 3, bytes: 4 },
  blendps: { opcode: 0x0c, prefix: 1, map: 3, only: 'vex' },
  insertps: { opcode: 0x21, prefix: 1, map: 3, bytes: 4 },
  pinsrd: { opcode: 0x22, prefix: 1, map: 3, bytes: 4 },
  /** place ← 16 bytes of reg. */
  extractf128: { opcode: 0x19, prefix: 1, map: 3, bytes: 16 },
  pternlogd: { opcode: 0x25, prefix: 1, map: 3, only: 'evex' },
  /** A vector of ones and zeros ← a mask register. */
  pmovm2d: { opcode: 0x38, prefix: 2, map: 2, only: 'evex' },
} as const satisfies Record<string, VectorInstruction>

export type VectorInstructionName = keyof typeof vectorInstructions
