/** The methods of `fovea inspect` for the network: kernels, dead channels, and what excites each channel. */
import { type Inspector, layerStatistics, type Patch, topPatches } from '../../../inspect/index.ts'
import { Conv2d } from '../../../nn/convolution.ts'
import { contactSheet, filters } from '../../../plot/index.ts'
import { writeAtomic } from '../../../runs/atomicFile.node.ts'
import { formatCount, formatPercent } from '../../../text/format.ts'
import { unknownName } from '../../../text/names.ts'
import type { ImageShape } from '../../../train/programs.ts'
import { checkEnding } from '../../endings.ts'
import { sheetFor } from '../../sheet.ts'
import { UsageError } from '../../terminal/errors.ts'
import { print, printJson } from '../../terminal/output.ts'
import { textTable } from '../../terminal/table.ts'
import { bytesOf, type Subject } from './subject.ts'

/** Kernels of a convolution as a drawing. */
export async function drawFilters({ run, inspector, options }: Subject): Promise<void> {
  const convolutions = new Map([...inspector.model.modules()].filter(([, module]) => module instanceof Conv2d))
  const [first] = convolutions.keys()
  const name = options.layer ?? first
  const layer = name === undefined ? undefined : convolutions.get(name)
  if (!(layer instanceof Conv2d)) {
    throw new UsageError(`--layer: ${unknownName('convolution', name ?? '', [...convolutions.keys()])}`)
  }
  const out = outFor(options.out, 'filters')
  const weights = await inspector.engine.read(layer.weight)
  const sheet = filters(Float32Array.from(weights), layer.weight.shape)
  await writeAtomic(out, sheetFor(out, sheet, { title: `Kernels of ${name}`, subject: run }))
  if (options.json) printJson({ out, layer: name, shape: layer.weight.shape })
  else print(`${name}: ${layer.weight.shape.join(' × ')}`, `written to ${out}`)
}

/** A table of channels that no picture makes positive. */
export async function deadUnits(subject: Subject): Promise<void> {
  const { inspector, options, pictures, onProgress } = subject
  const layers = options.layer ?? rectified(inspector)
  const found = await layerStatistics(inspector, bytesOf(subject), layers, {
    onProgress: done => onProgress(done, pictures.length),
  })
  if (options.json) {
    printJson({
      pictures: pictures.length,
      layers: found.map(({ layer, channels, dead }) => ({ layer, channels: channels.length, dead })),
    })
    return
  }
  const rows = found.map(({ layer, channels, dead }) => [
    layer,
    formatCount(channels.length),
    formatCount(dead.length),
    formatPercent(channels.reduce((sum, { active }) => sum + active, 0) / channels.length, 1),
    dead.length > 12 ? `${dead.slice(0, 12).join(' ')} …` : dead.join(' '),
  ])
  const columns = [
    { title: 'layer' },
    { title: 'channels', align: 'right' as const },
    { title: 'dead', align: 'right' as const },
    { title: 'values above 0', align: 'right' as const },
    { title: 'which' },
  ]
  print(
    textTable(columns, rows),
    '',
    `on ${formatCount(pictures.length)} pictures; a channel is dead when none of them makes it positive`,
  )
}

/** The layers that end in a rectifier, by module. */
function rectified(inspector: Inspector): string[] {
  const names = [...inspector.model.modules()].flatMap(([path, module]) =>
    /ReLU/.test(module.constructor.name) ? [path] : [],
  )
  const found = inspector.points.map(({ name }) => name).filter(name => names.includes(name.replace(/#\d+$/, '')))
  if (found.length === 0)
    throw new UsageError('--method dead: this network has no ReLU modules; name the layers with --layer')
  return found
}

/** Numbers of channels that are drawn, and of patches for each. */
const [mostChannels, patchesEach] = [24, 9] as const

/** The patches that maximize each channel of a layer. */
export async function drawPatches(subject: Subject): Promise<void> {
  const { run, inspector, options, pictures, shape, onProgress } = subject
  if (options.layer === undefined) throw new UsageError('--method patches needs --layer')
  const out = outFor(options.out, 'patches')
  const found = await topPatches(inspector, bytesOf(subject), options.layer, {
    count: patchesEach,
    onProgress: done => onProgress(done, pictures.length),
  })
  const rows = found.slice(0, mostChannels).map((patches, channel) => ({
    title: `channel ${channel}`,
    pictures: patches.map(patch => ({
      ...cropOf(pictures[patch.image]!.pixels, shape, patch),
      caption: patch.value.toPrecision(3),
      said: `channel ${channel}: ${patch.value.toPrecision(3)} in ${pictures[patch.image]!.file}`,
    })),
  }))
  const title = `What excites ${options.layer}`
  const sheet = contactSheet(rows, { cell: 64, description: title })
  await writeAtomic(out, sheetFor(out, sheet, { title, subject: run }))
  if (options.json) printJson({ out, layer: options.layer, channels: found })
  else {
    const rest = found.length > mostChannels ? `, the first ${mostChannels} of ${formatCount(found.length)}` : ''
    print(
      `${options.layer}: what makes each channel largest, of ${formatCount(pictures.length)} pictures${rest}`,
      `written to ${out}`,
    )
  }
}

function cropOf(
  pixels: Uint8Array,
  [, width, channels]: ImageShape,
  { window }: Patch,
): { pixels: Uint8Array; shape: ImageShape } {
  const { top, left, bottom, right } = window
  const rows = Array.from({ length: bottom - top }, (_, y) =>
    pixels.subarray(((top + y) * width + left) * channels, ((top + y) * width + right) * channels),
  )
  return { pixels: Uint8Array.from(rows.flatMap(row => [...row])), shape: [bottom - top, right - left, channels] }
}

function outFor(out: string | undefined, method: string): string {
  checkEnding('--out', out, ['.svg', '.html'], `--method ${method} is written as`)
  return out ?? 'inspect.svg'
}
