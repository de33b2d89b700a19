/** File formats of tensors: pure functions between bytes and values. */
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
