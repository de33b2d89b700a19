/** File formats of tensors: pure functions between bytes and values. */
export {
  readSafetensors,
  type SafetensorsArray,
  SafetensorsError,
  type SafetensorsFile,
  type SafetensorsInput,
  type SafetensorsTensor,
  type SafetensorsType,
  tensorFloats,
  tensorValues,
  writeSafetensors,
} from './safetensors.ts'
