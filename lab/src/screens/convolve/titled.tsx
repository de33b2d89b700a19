/** A heading over grids of numbers. */
import type { ComponentChildren } from 'preact'

/** Grids under what they are, with a quiet word beside it. */
export function Titled(props: {
  readonly title: string
  readonly hint?: string
  readonly children: ComponentChildren
}) {
  const { title, hint, children } = props
  return (
    <div>
      <h2>
        {title}
        {hint && <span class="small quiet">{hint}</span>}
      </h2>
      {children}
    </div>
  )
}
