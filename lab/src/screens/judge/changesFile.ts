/** Changes of training images as JSON, for other programs. */
import type { Judge } from './state.ts'

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
    format: 'fovea-changed-images',
    version: 1,
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
