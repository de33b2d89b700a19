/** Judge: all test or training images at one moment; which classes are confused, the pictures behind every count, and what changing them does. */
import { useComputed, useSignalEffect } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { digits, percent, whole } from '../../draw/format.ts'
import { Choices, Tabs } from '../../frame/tabs.tsx'
import type { Lab } from '../../state/lab.ts'
import '../../style/judge.css'
import { Calibration } from './calibration.tsx'
import { Changes } from './changes.tsx'
import { Features } from './features.tsx'
import { Matrix } from './matrix.tsx'
import { PictureDetail } from './pictureDetail.tsx'
import { PictureGrid } from './pictureGrid.tsx'
import { type Judge, judgeOf, views } from './state.ts'

/** Milliseconds after which test images are judged again while the network trains. */
const askedEvery = 5000

/** The screen. */
export function JudgeScreen({ lab }: { readonly lab: Lab }) {
  const judge = judgeOf(lab)
  useAsking(judge)
  useSignalEffect(() => {
    const [dropped] = lab.dropped.value ?? []
    if (!dropped || !lab.opened.value) return
    lab.dropped.value = undefined
    void judge.readFile(dropped.file)
  })
  const isReady = lab.opened.value !== undefined
  return (
    <div class="screen with-side judge">
      <section class="work" aria-labelledby="judge-title">
        <div class="bar">
          <h1 id="judge-title">What it gets wrong</h1>
          {!lab.still.value && (
            <Choices
              label="Images"
              values={['test', 'train']}
              chosen={judge.split.value}
              title={split => `${split === 'test' ? 'test' : 'training'} ${lab.kind}s`}
              onChoose={split => judge.showSplit(split as 'test' | 'train')}
            />
          )}
        </div>
        {isReady && judge.isEmpty.value ? (
          <p class="waiting quiet">
            This checkpoint was trained on data that the Lab does not have: there are no images here to judge it with.
          </p>
        ) : isReady ? (
          <>
            <Summary judge={judge} />
            <div class="judge-parts">
              <div class="judge-numbers">
                <Tabs
                  label="Judged by"
                  names={views}
                  chosen={judge.view.value}
                  onChoose={view => {
                    judge.view.value = view
                  }}
                />
                {judge.view.value === 'confusion' ? (
                  <Matrix judge={judge} />
                ) : judge.view.value === 'features' ? (
                  <Features judge={judge} />
                ) : (
                  <Calibration judge={judge} />
                )}
              </div>
              <PictureGrid judge={judge} />
            </div>
          </>
        ) : (
          <p class="waiting quiet" role="status">
            reading the first images
          </p>
        )}
      </section>
      <aside class="side" aria-label="The picture, and changes">
        {isReady && !judge.isEmpty.value && (
          <>
            <PictureDetail judge={judge} />
            {!lab.still.value && <Changes judge={judge} />}
          </>
        )}
      </aside>
    </div>
  )
}

/** Asks as long as it is shown: for test images at each moment that the network rests at, and again and again while it trains. */
function useAsking(judge: Judge): void {
  const { lab } = judge
  useSignalEffect(() => {
    if (!lab.opened.value || lab.playing.value) return
    const { judged, isStale, view } = judge
    const misses = view.value === 'features' && judged.value && !judged.value.features
    const isWanted = judge.split.value === 'test' ? !judged.value || isStale.value : false
    if (isWanted || misses) judge.ask()
  })
  useEffect(() => {
    const again = (): void => {
      const isShown = lab.opened.peek() && lab.playing.peek() && !document.hidden
      if (isShown && judge.split.peek() === 'test' && !judge.progress.peek()) judge.ask()
    }
    again()
    const timer = setInterval(again, askedEvery)
    return () => {
      clearInterval(timer)
      judge.end()
    }
  }, [judge, lab])
}

/** What all images say together, and of which step. */
function Summary({ judge }: { readonly judge: Judge }) {
  const { lab } = judge
  const confusion = judge.confusion.value
  const judged = judge.judged.value
  const kind = `${judge.split.value === 'test' ? 'test' : 'training'} ${lab.kind}s`
  const isStale = judge.isStale.value
  return (
    <p class="summary small" role="status">
      {confusion && judged ? (
        <>
          <b data-accuracy={confusion.right / confusion.images}>{percent(confusion.right / confusion.images, 2)}</b> of{' '}
          {whole(confusion.images)} {kind} right · loss <b data-loss={confusion.loss}>{digits(confusion.loss, 4)}</b>{' '}
          <span class={isStale ? 'quiet' : ''} data-judged={judged.step}>
            at step {whole(judged.step)}
          </span>
        </>
      ) : (
        <span class="quiet">no {kind} judged yet</span>
      )}
      <ProgressWords judge={judge} />
      {judge.split.value === 'train' && (isStale || !judged) && !judge.progress.value && (
        <button type="button" onClick={() => judge.ask()}>
          Judge {whole(lab.recipe.value.images)} {kind} at step {whole(lab.step.value)}
        </button>
      )}
    </p>
  )
}

function ProgressWords({ judge }: { readonly judge: Judge }) {
  const words = useComputed(() => {
    const progress = judge.progress.value
    if (progress?.split !== judge.split.value) return ''
    return ` · judging ${whole(progress.done)} of ${whole(progress.total)}`
  })
  return <span class="quiet progress">{words}</span>
}
