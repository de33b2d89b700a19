/**
 * File formats of tensors: pure functions between bytes and values.
 * @module fovea/formats
 */
export {
  readSafetensors,
  SafetensorsError,
  type SafetensorsFile,
  type SafetensorsInput,
  writeSafetensors,
} from './safetensors.ts'
export {
  type SafetensorsArray,
  type SafetensorsTensor,
  type SafetensorsType,
  tensorFloats,
  tensorValues,
} from './safetensorsValues.ts'
