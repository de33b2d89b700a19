/** Pictures that the network sees as most alike: nearest by the angle between features. */
import { useMemo } from 'preact/hooks'
import { nearestNeighbors } from '../../../../src/inspect/features.ts'
import { fixed, whole } from '../../draw/format.ts'
import { Picture } from '../../draw/raster.tsx'
import type { Judge } from './state.ts'

/** Pictures that are shown. */
const most = 8

/** The row; nothing where features are not known. */
export function NearestPictures({ judge, image }: { readonly judge: Judge; readonly image: number }) {
  const judged = judge.judged.value
  const features = judged?.features
  const near = useMemo(() => {
    if (!features || image >= features.count) return []
    const shape = [features.count, features.values.length / features.count]
    return nearestNeighbors({ shape, values: features.values }, image, most)
  }, [features, image])
  if (!features || judge.lab.kind === 'point') return null
  const { shape, classes } = judge.lab.opened.value!
  if (image >= features.count)
    return <p class="micro quiet">Features are known of the first {whole(features.count)} images, not of this one.</p>
  const all = [image, ...near.map(other => other.image)]
  return (
    <>
      <h2>
        Nearest <span class="small quiet">cosine of what {features.layer} reads</span>
      </h2>
      <ul class="nearest">
        {near.map(({ image: other, similarity }) => (
          <li key={other}>
            <button
              type="button"
              title={`${classes[judged!.labels[other]!]}, number ${other}: show all of these`}
              aria-label={`image ${other}, ${classes[judged!.labels[other]!]}, cosine ${fixed(similarity, 3)}: show all of these`}
              onClick={() => judge.choose({ kind: 'some', images: all, name: `Nearest to ${image}` })}
            >
              <Near judge={judge} image={other} shape={shape} />
            </button>
            <span class="micro quiet">{fixed(similarity, 2)}</span>
          </li>
        ))}
      </ul>
    </>
  )
}

function Near(props: {
  readonly judge: Judge
  readonly image: number
  readonly shape: readonly [number, number, number]
}) {
  const { judge, image, shape } = props
  const pixels = judge.pixelsOf(image)
  return pixels ? <Picture pixels={pixels} width={shape[1]} height={shape[0]} cell={shape[0] > 32 ? 1 : 2} /> : null
}
