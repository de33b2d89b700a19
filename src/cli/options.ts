/** Options with values, such as numbers, which are checked while they are parsed. */
import { InvalidArgumentError, Option } from 'commander'
import { backendNames } from '../backends/engine.ts'

/** The folder in which run folders are made. */
export const defaultRuns = 'runs'

/** A number; the recipe's rules check its range. */
export function numeric(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('expected a number.')
  return value
}

/** Numbers separated by commas. */
export function numericList(text: string): number[] {
  return text.split(',').map(numeric)
}

/** A whole number within bounds. */
export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER) {
  return (text: string): number => {
    const value = numeric(text)
    if (Number.isInteger(value) && value >= least && value <= most) return value
    const rule = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`
    throw new InvalidArgumentError(`expected a whole number ${rule}.`)
  }
}

/** The largest side of a picture that a summary takes. */
const longestSide = 8192

/** `3x224x224`: channels, height and width of an image. */
export function imageSize(text: string): [number, number, number] {
  const [, ...numbers] = /^(\d+)[x×](\d+)[x×](\d+)$/i.exec(text) ?? []
  const [channels = 0, height = 0, width = 0] = numbers.map(Number)
  const fits = (side: number) => side >= 1 && side <= longestSide
  if (fits(channels) && fits(height) && fits(width)) return [channels, height, width]
  throw new InvalidArgumentError(
    `expected channels x height x width, such as 3x224x224, each from 1 to ${longestSide}.`,
  )
}

/** `--backend` of the commands that read a run or a file. */
export const backendOption = () =>
  new Option('--backend <name>', "what computes (default: as the run's recipe says; of a file wasm)").choices(
    backendNames,
  )

/** `--threads`, the same for all commands. */
export const threadsOption = () =>
  new Option(
    '--threads <n>',
    'threads that compute; they do not change the result (all cores, or FOVEA_THREADS)',
  ).argParser(wholeNumber(1, 64))

/** `--wide`, the same for all commands that compute. */
export const wideOption = () =>
  new Option(
    '--wide <choice>',
    '256-bit vectors, up to twice as fast: where Node (24 or later) and the processor have them, or not',
  )
    .choices(['auto', 'on', 'off'])
    .env('FOVEA_WIDE')
    .default('auto')

/** `--native`, the same for all commands that compute. */
export const nativeOption = () =>
  new Option(
    '--native <choice>',
    'kernels as machine code: where the processor has AVX2, on Linux with Node 26 or the package koffi, or not',
  )
    .choices(['auto', 'on', 'off'])
    .env('FOVEA_NATIVE')
    .default('auto')

/** `--checkpoint` of the commands that read a run. */
export const checkpointOption = () =>
  new Option(
    '--checkpoint <which>',
    'latest, best (by validation), final (latest, or best of a run that stops early), or a .safetensors file',
  ).default('final')

/** The options of the commands that open an ONNX file as a classifier: what the file may leave open. */
export const networkOptions = () => [
  new Option('--mean <list>', 'of an ONNX file: mean of each channel, pixels from 0 to 1, comma-separated').argParser(
    numericList,
  ),
  new Option('--std <list>', 'of an ONNX file: standard deviation of each channel').argParser(numericList),
  new Option('--input <CxHxW>', 'of an ONNX file that leaves it open: the size of its pictures').argParser(imageSize),
]

/** `--json`, the same for all commands. */
export const jsonOption = () => new Option('--json', 'print JSON for machines')

/** A value that may be given several times. */
export const collect = (text: string, before: readonly string[] = []): string[] => [...before, text]

/** `--set` of the commands that train. */
export const setOption = () =>
  new Option('--set <field=value>', 'set any field of the recipe; may be repeated').argParser(collect)

/** `--allow-changed-data` of the commands that divide a run's images again. */
export const changedDataOption = () =>
  new Option('--allow-changed-data', "continue although the run's images have changed since it began")
