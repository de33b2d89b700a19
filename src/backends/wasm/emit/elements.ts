/** Loads and stores elements of any type at any stride, as f32 lanes: contiguous, repeated or gathered. */

import { bytesPerElement, type DType } from '../../../graph/shape.ts'
import type { FunctionBuilder, Local } from './assembler.ts'
import { type AnyLanes, loadOf, storeOf, typeOf, type VectorLanes } from './lanes.ts'

/** Addresses of the elements of neighboring lanes: the first at address + offset, the others `stride` bytes apart. */
export interface ElementPlace {
  readonly address: Local
  readonly offset: number
  readonly stride: number
}

/** Whether elements can be loaded into vectors of more than four lanes: f32, contiguous or all the same. */
export const fitsLongVectors = (dtype: DType, stride: number): boolean =>
  dtype === 'f32' && (stride === 0 || stride === bytesPerElement.f32)

/** Pushes `lanes` elements, converted to f32; more than four only where {@link fitsLongVectors}. */
export function pushElements(f: FunctionBuilder, lanes: AnyLanes, dtype: DType, place: ElementPlace): void {
  if (lanes === 1) pushScalar(f, dtype, place)
  else if (lanes > 4) pushLong(f, lanes, place)
  else if (place.stride === 0) pushRepeated(f, dtype, place)
  else if (place.stride === bytesPerElement[dtype]) pushContiguous(f, dtype, place)
  else pushGathered(f, dtype, place)
}

function pushLong(f: FunctionBuilder, lanes: VectorLanes, { address, offset, stride }: ElementPlace): void {
  f.get(address).memory(stride === 0 ? `${typeOf(lanes)}.load32_splat` : loadOf(lanes), offset)
}

function pushScalar(f: FunctionBuilder, dtype: DType, { address, offset }: ElementPlace): void {
  f.get(address)
  if (dtype === 'f32') f.memory('f32.load', offset)
  else if (dtype === 'i32') f.memory('i32.load', offset).op('f32.convert_i32_s')
  else f.memory('i32.load8_u', offset).op('f32.convert_i32_s')
}

function pushRepeated(f: FunctionBuilder, dtype: DType, place: ElementPlace): void {
  if (dtype === 'f32') {
    f.get(place.address).memory('v128.load32_splat', place.offset)
    return
  }
  pushScalar(f, dtype, place)
  f.op('f32x4.splat')
}

function pushContiguous(f: FunctionBuilder, dtype: DType, { address, offset }: ElementPlace): void {
  f.get(address)
  if (dtype === 'f32') f.memory('v128.load', offset)
  else if (dtype === 'i32') f.memory('v128.load', offset).op('f32x4.convert_i32x4_s')
  else {
    f.memory('v128.load32_zero', offset)
    f.op('i16x8.extend_low_i8x16_u', 'i32x4.extend_low_i16x8_u', 'f32x4.convert_i32x4_s')
  }
}

function pushGathered(f: FunctionBuilder, dtype: DType, { address, offset, stride }: ElementPlace): void {
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

/** Where the elements of a vector are stored. */
export interface StorePlace extends Omit<ElementPlace, 'stride'> {
  /** In bytes; 4 (contiguous) by default. */
  readonly stride?: number
  /** A local of the value's type, needed to split a vector into its lanes. */
  readonly scratch: Local
}

/** Stores the f32 lanes that `pushValue` pushes. */
export function storeElements(
  f: FunctionBuilder,
  lanes: AnyLanes,
  { address, offset, stride = 4, scratch }: StorePlace,
  pushValue: () => void,
): void {
  if (lanes === 1 || stride === 4) {
    f.get(address)
    pushValue()
    f.memory(storeOf(lanes), offset)
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
