/**
 * File formats of tensors: pure functions between bytes and values.
 * @module fovea/formats
 */
export { readCompressedPyTorch, readPyTorch } from './pytorch.ts'
export {
  type PyTorchArray,
  type PyTorchDictionary,
  type PyTorchFile,
  PyTorchFileError,
  type PyTorchOther,
  type PyTorchTensor,
  type PyTorchType,
} from './pytorchFile.ts'
export { type StateDictOptions, stateDict } from './pytorchState.ts'
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
export { type ReadWeightsOptions, readWeights, type Weights, type WeightsSource } from './weights.ts'
