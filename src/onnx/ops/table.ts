/** The operators of ONNX that Fovea supports, by name. */
import type { OnnxOp } from '../node.ts'
import { constantOps } from './constant.ts'
import { convolutionOps } from './convolution.ts'
import { elementwiseOps } from './elementwise.ts'
import { gatheringOps } from './gathering.ts'
import { normalizationOps } from './normalization.ts'
import { poolOps } from './pool.ts'
import { productOps } from './product.ts'
import { quantizationOps } from './quantization.ts'
import { reductionOps } from './reduction.ts'
import { resizeOps } from './resize.ts'
import { samplingOps } from './sampling.ts'
import { shapeOps } from './shape.ts'

const table: ReadonlyMap<string, OnnxOp> = new Map(
  [
    elementwiseOps,
    shapeOps,
    constantOps,
    gatheringOps,
    resizeOps,
    convolutionOps,
    poolOps,
    normalizationOps,
    reductionOps,
    productOps,
    quantizationOps,
    samplingOps,
  ].flatMap(ops => Object.entries(ops)),
)

/** The importer of an operator; undefined for one that Fovea does not support. */
export const opNamed = (name: string): OnnxOp | undefined => table.get(name)

/** Names of all operators that are imported. */
export const opNames: readonly string[] = [...table.keys()].sort()
