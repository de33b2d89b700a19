/** Loading and storing elements of any type at any stride, as f32 lanes: contiguous, repeated or gathered. */
import { bytesPerElement, type DType } from '../../../graph/shape.ts'
import type { FunctionBuilder, Local } from './assembler.ts'
import type { Lanes } from './tile.ts'

/** Pushes a number, in all lanes. */
export function pushConstant(f: FunctionBuilder, lanes: Lanes, value: number): FunctionBuilder {
  return lanes === 4 ? f.f32x4(value) : f.f32(value)
}

/** Pushes `lanes` elements at address + offset, `stride` bytes apart, converted to f32. */
export function pushElements(
  f: FunctionBuilder,
  lanes: Lanes,
  dtype: DType,
  address: Local,
  offset: number,
  stride: number,
): void {
  if (lanes === 1) pushScalar(f, dtype, address, offset)
  else if (stride === 0) pushRepeated(f, dtype, address, offset)
  else if (stride === bytesPerElement[dtype]) pushContiguous(f, dtype, address, offset)
  else pushGathered(f, dtype, address, offset, stride)
}

function pushScalar(f: FunctionBuilder, dtype: DType, address: Local, offset: number): void {
  f.get(address)
  if (dtype === 'f32') f.memory('f32.load', offset)
  else if (dtype === 'i32') f.memory('i32.load', offset).op('f32.convert_i32_s')
  else f.memory('i32.load8_u', offset).op('f32.convert_i32_s')
}

function pushRepeated(f: FunctionBuilder, dtype: DType, address: Local, offset: number): void {
  if (dtype === 'f32') {
    f.get(address).memory('v128.load32_splat', offset)
    return
  }
  pushScalar(f, dtype, address, offset)
  f.op('f32x4.splat')
}

function pushContiguous(f: FunctionBuilder, dtype: DType, address: Local, offset: number): void {
  f.get(address)
  if (dtype === 'f32') f.memory('v128.load', offset)
  else if (dtype === 'i32') f.memory('v128.load', offset).op('f32x4.convert_i32x4_s')
  else {
    f.memory('v128.load32_zero', offset)
    f.op('i16x8.extend_low_i8x16_u', 'i32x4.extend_low_i16x8_u', 'f32x4.convert_i32x4_s')
  }
}

function pushGathered(f: FunctionBuilder, dtype: DType, address: Local, offset: number, stride: number): void {
  if (dtype === 'f32') {
    f.get(address).memory('v128.load32_zero', offset)
    for (let lane = 1; lane < 4; lane++) {
      f.get(address)
        .memory('f32.load', offset + lane * stride)
        .replaceLane(lane)
    }
    return
  }
  const load = dtype === 'i32' ? 'i32.load' : 'i32.load8_u'
  f.get(address).memory(load, offset).op('i32x4.splat')
  for (let lane = 1; lane < 4; lane++) {
    f.get(address)
      .memory(load, offset + lane * stride)
      .replaceIntegerLane(lane)
  }
  f.op('f32x4.convert_i32x4_s')
}

/**
 * Stores the f32 lanes that `pushValue` pushes at address + offset, `stride` bytes apart.
 * @param scratch a local of the value's type, needed to take a vector apart
 */
export function storeElements(
  f: FunctionBuilder,
  lanes: Lanes,
  address: Local,
  offset: number,
  stride: number,
  scratch: Local,
  pushValue: () => void,
): void {
  if (lanes === 1 || stride === 4) {
    f.get(address)
    pushValue()
    f.memory(lanes === 1 ? 'f32.store' : 'v128.store', offset)
    return
  }
  pushValue()
  f.set(scratch)
  for (let lane = 0; lane < 4; lane++) {
    f.get(address)
      .get(scratch)
      .extractLane(lane)
      .memory('f32.store', offset + lane * stride)
  }
}
