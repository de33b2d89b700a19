/** What an ONNX file says about itself as a classifier: classes, preprocessing and where it is from, in its metadata. */
import { type ClassifierInfo, subjects } from '../classifier/artifact.ts'
import type { NormalizeOptions } from '../nn/normalize.ts'
import type { Preparation } from '../recipe/preparation.ts'
import { isRecord } from '../rules/record.ts'

/** What a file says about itself, as far as it does so in the way of Fovea's own files. */
export function saidBy({
  file,
  metadata,
}: {
  readonly file: string
  readonly metadata: Readonly<Record<string, string>>
}): {
  readonly name: string
  readonly classes?: readonly string[]
  readonly normalize?: NormalizeOptions
  readonly preparation?: Preparation
  readonly origin?: ClassifierInfo['origin']
} {
  const classes = fromJson(metadata.classes)
  const preprocessing = fromJson(metadata.preprocessing)
  const origin = fromJson(metadata.origin)
  const shorterSide = Number(metadata.shorterSide)
  const hasSide = Number.isSafeInteger(shorterSide) && shorterSide > 0
  const subject = subjects.find(known => known === metadata.subject)
  return {
    name: file.replace(/\.onnx$/i, ''),
    ...(isList(classes, 'string') && classes.length > 0 && { classes }),
    ...(isRecord(preprocessing) && isNormalization(preprocessing) && { normalize: preprocessing }),
    ...(subject && { preparation: { subject, ...(hasSide && { shorterSide }) } }),
    ...(isRecord(origin) && { origin: origin as Record<string, string | number> }),
  }
}

const isNormalization = (value: object): value is NormalizeOptions =>
  'mean' in value && 'std' in value && isList(value.mean, 'number') && isList(value.std, 'number')

function isList(value: unknown, type: 'string'): value is string[]
function isList(value: unknown, type: 'number'): value is number[]
function isList(value: unknown, type: 'string' | 'number'): boolean {
  return Array.isArray(value) && value.every(item => typeof item === type)
}

function fromJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}
