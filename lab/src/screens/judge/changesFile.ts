/** Changes of training images as JSON, for other programs, and to be read again. */
import { isRecord } from '../../../../src/rules/record.ts'
import type { ImageEdits } from '../../state/edits.ts'
import type { Judge } from './state.ts'

const format = 'fovea-changed-images'
const version = 1

/** Largest file that is read: 2,000 changes take some 200 kB. */
export const largestFile = 2 ** 22

/** The file: which data set, which moment made the changes, and each image with the label it came with and what becomes of it. */
export function changesFile(judge: Judge): string {
  const { lab, train } = judge
  const { data, images, pictures } = lab.recipe.value
  const { classes } = lab.opened.value!
  const changes = [...new Map([...judge.inForce.value, ...lab.edits.value])]
    .sort(([a], [b]) => a - b)
    .map(([image, edit]) => {
      const label = train.label(image)
      return {
        image,
        ...(label !== undefined && { label, name: classes[label] }),
        ...(edit === 'out' ? { leftOut: true } : { newLabel: edit, newName: classes[edit] }),
      }
    })
  const file = {
    format,
    version,
    data,
    ...(pictures !== undefined && { pictures }),
    trainingImages: images,
    classes,
    step: lab.step.value,
    link: lab.link(),
    changes,
  }
  return `${JSON.stringify(file, undefined, 2)}\n`
}

/**
 * Reads such a file.
 * @param train labels of the training images, as far as they are known
 * @throws Error that says what does not fit: another format, data set, set of classes or label
 */
export function readChanges(
  text: string,
  {
    lab,
    train,
  }: { readonly lab: Pick<Judge['lab'], 'recipe' | 'opened'>; readonly train: Pick<Judge['train'], 'label'> },
): ImageEdits {
  const { data, images, pictures } = lab.recipe.value
  const { classes } = lab.opened.value!
  let file: unknown
  try {
    file = JSON.parse(text)
  } catch (error) {
    throw new Error(`it is no JSON: ${(error as Error).message}`)
  }
  if (!isRecord(file) || file.format !== format) throw new Error(`its format is not "${format}"`)
  if (file.version !== version)
    throw new Error(`its version is ${JSON.stringify(file.version)}; this page reads ${version}`)
  if (file.data !== data || file.pictures !== pictures)
    throw new Error(`it is of the data set ${JSON.stringify(file.data)}, and not of the ${data} that is open`)
  if (JSON.stringify(file.classes) !== JSON.stringify(classes))
    throw new Error('its classes are not those that are open')
  if (!Array.isArray(file.changes)) throw new Error('"changes" is no list')
  const edits = new Map<number, number | 'out'>()
  for (const change of file.changes as readonly unknown[]) {
    const { image, label, leftOut, newLabel } = isRecord(change) ? change : {}
    const which = `change of image ${JSON.stringify(image)}`
    if (typeof image !== 'number' || !Number.isInteger(image) || image < 0 || image >= images)
      throw new Error(`${which}: expected a number from 0 to ${images - 1}, as there are ${images} training images`)
    const known = train.label(image)
    if (typeof label === 'number' && known !== undefined && label !== known)
      throw new Error(`${which}: it says that the label is ${label}, and here it is ${known}: these are other images`)
    const isLabel =
      typeof newLabel === 'number' && Number.isInteger(newLabel) && newLabel >= 0 && newLabel < classes.length
    if (leftOut !== true && !isLabel)
      throw new Error(`${which}: expected "leftOut": true, or a "newLabel" from 0 to ${classes.length - 1}`)
    edits.set(image, leftOut === true ? 'out' : (newLabel as number))
  }
  return edits
}
