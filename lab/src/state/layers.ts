/** Words about layers, and which networks are deep. */
import type { LayerInfo } from '../worker/protocol.ts'

/** When the values of a layer are taken: before what is done to them next. */
export const momentOf = ({ hasRelu, isNormalized }: LayerInfo): string =>
  isNormalized ? 'before normalization' : hasRelu ? 'before ReLU' : 'as they are'

/** Layers from which on columns are narrow, and further ones stand in further lines. */
const deepFrom = 9

/** Whether a network has more layers than fit beside each other. */
export const isDeep = (layers: readonly LayerInfo[]): boolean => layers.length >= deepFrom
