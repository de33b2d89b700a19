/** A network of a file: what it is, what it says of a picture, and where it has no graph, its tensors. */
import { useComputed } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { percent, whole } from '../../draw/format.ts'
import { FilesButton } from '../../frame/filesButton.tsx'
import type { FileNetwork } from './files.ts'

interface FileProps {
  readonly file: FileNetwork
  /** Takes a picture. */
  readonly onPicture: (picture: File) => void
}

/** The file. */
export function FileView({ file, onPicture }: FileProps) {
  const { about, notes, tensors, classifies } = file.facts
  return (
    <>
      <p>{about[0]!.toUpperCase() + about.slice(1)}.</p>
      {notes.map(note => (
        <p key={note} class="small quiet">
          {note}
        </p>
      ))}
      {classifies && <Classify file={file} onPicture={onPicture} />}
      {tensors && (
        <div class="scroll">
          <table class="layer-table">
            <caption class="unseen">Tensors of the file</caption>
            <thead>
              <tr>
                <th scope="col">tensor</th>
                <th scope="col" class="number">
                  shape
                </th>
                <th scope="col">type</th>
              </tr>
            </thead>
            <tbody>
              {tensors.map(({ name, shape, type }) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td class="number">{shape.length === 0 ? 'scalar' : shape.join('×')}</td>
                  <td class="quiet">{type}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  )
}

/** Runs the network on a picture that is chosen or dropped. */
function Classify({ file, onPicture }: FileProps) {
  const { classes, shape } = file.facts.classifies!
  const said = file.said.value
  const words = useComputed(() => {
    if (file.reading.value !== undefined) return `Looking at ${file.reading.value} …`
    const [best] = file.said.value?.classes ?? []
    if (best) return `${file.said.value!.picture.name}: ${best.class}, ${percent(best.probability)}.`
    return `Drop a picture here, and it says which of ${whole(classes)} classes it is.`
  })
  return (
    <section class="classify" aria-label="Run it">
      <div class="bar">
        <p class="small" role="status">
          {words}
        </p>
        <FilesButton
          label="Choose a picture"
          class="go"
          asksFor="Picture to classify"
          accept="image/*"
          isSingle
          onFiles={([first]) => onPicture(first!.file)}
        />
      </div>
      {said && (
        <div class="said">
          <Thumbnail picture={said.picture} size={`${shape[0]}×${shape[1]}`} />
          <ol>
            {said.classes.map(({ class: name, index, probability }) => (
              <li key={index}>
                <span>{name}</span>
                <span class="track" aria-hidden="true">
                  <i style={`width: ${100 * probability}%`} />
                </span>
                <span class="number">{percent(probability)}</span>
              </li>
            ))}
          </ol>
        </div>
      )}
    </section>
  )
}

function Thumbnail({ picture, size }: { readonly picture: File; readonly size: string }) {
  const image = useRef<HTMLImageElement>(null)
  return (
    <img
      key={picture.name + picture.lastModified}
      ref={(element: HTMLImageElement | null) => {
        if (element && image.current !== element) {
          image.current = element
          element.src = URL.createObjectURL(picture)
          element.onload = () => URL.revokeObjectURL(element.src)
        }
      }}
      alt={`${picture.name}, which the network sees as ${size} pixels`}
      width={112}
      height={112}
    />
  )
}
