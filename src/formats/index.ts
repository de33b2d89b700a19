/**
 * File formats of tensors: reading and writing files of weights.
 * @module fovea/formats
 */
export { BrowserFileError, type BrowserFiles, browserFiles, downloadFile, type KeptFile } from './browserFiles.ts'
export type { ElementType, TensorArray } from './elements.ts'
export { exactNumbers } from './elements.ts'
export { type DownloadProgress, type FetchFileOptions, fetchFile } from './fetchFile.ts'
export { PyTorchFileError } from './pytorch.ts'
export { SafetensorsError, type SafetensorsInput, writeSafetensors } from './safetensors.ts'
export type { ByteSource, FileContents } from './source.ts'
export { type ChooseWeightsOptions, type ChosenWeights, chooseWeights } from './weightNames.ts'
export { openSource, openWeights } from './weights.ts'
export { type FileTensor, type FileValue, WeightsError, type WeightsFile } from './weightsFile.ts'
