/** The canvas below the axes of a search, drawn again in the frame after a change. */
import { effect } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { SharpCanvas } from '../../draw/sharpCanvas.tsx'
import { theme } from '../../state/theme.ts'
import type { SearchTrial } from './searchAxes.ts'
import { drawTrials } from './searchDrawing.ts'
import type { Runs } from './state.ts'

interface TrialsCanvasProps {
  readonly runs: Runs
  /** CSS pixels. */
  readonly width: number
  readonly height: number
  /** Draws one trial; it reads what it depends on from signals. @param isChosen whether its curve is drawn */
  readonly draw: (context: CanvasRenderingContext2D, trial: SearchTrial, isChosen: boolean) => void
}

const dashes = [5, 3]

/** The canvas. */
export function TrialsCanvas({ runs, width, height, draw }: TrialsCanvasProps) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const density = devicePixelRatio
  useLayoutEffect(() => {
    const context = canvas.current!.getContext('2d')
    if (!context) return
    let frame = 0
    const paint = (state: Parameters<typeof drawTrials>[0]): void => {
      context.setTransform(density, 0, 0, density, 0, 0)
      context.clearRect(0, 0, width, height)
      context.lineJoin = 'round'
      drawTrials(state, (trial, color, look) => {
        context.strokeStyle = context.fillStyle = color
        context.lineWidth = look ? 2.5 : 1
        context.setLineDash(look?.isDashed ? dashes : [])
        draw(context, trial, look !== undefined)
      })
    }
    const stop = effect(() => {
      const { trials, kept, axes, across } = runs.searches
      const state = {
        trials: trials.value,
        kept: kept.value,
        looks: runs.looks.value,
        theme: theme.value,
      }
      // What `draw` reads, too.
      axes.value
      across.value
      cancelAnimationFrame(frame)
      frame = requestAnimationFrame(() => paint(state))
    })
    return () => {
      stop()
      cancelAnimationFrame(frame)
    }
  }, [runs, width, height, density, draw])
  return <SharpCanvas canvas={canvas} width={width} height={height} />
}
