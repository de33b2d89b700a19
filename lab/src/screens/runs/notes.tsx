/** What is said of the chosen runs: the fields in which their recipes differ, and what was noticed while they were trained. */
import { useComputed } from '@preact/signals'
import { whole } from '../../draw/format.ts'
import { placeOf } from './shape.ts'
import type { DrawnRun, Runs } from './state.ts'
import { Swatch } from './swatch.tsx'

/** A value of a recipe, as a person would write it. */
export function recipeValue(value: unknown): string {
  if (value === undefined || value === null) return 'none'
  if (typeof value === 'string') return value
  return JSON.stringify(value)
    .replaceAll('"', '')
    .replaceAll(/([,:])/g, '$1 ')
}

/** Values of a field with the runs that have each, in the order of the runs. */
export function byValue(values: readonly unknown[]): { readonly value: string; readonly indices: number[] }[] {
  const found = new Map<string, number[]>()
  values.forEach((value, k) => {
    const text = recipeValue(value)
    found.set(text, [...(found.get(text) ?? []), k])
  })
  return Array.from(found, ([value, indices]) => ({ value, indices }))
}

/** The fields in which the chosen runs' recipes differ. */
export function Differences({ runs }: { readonly runs: Runs }) {
  const drawn = runs.compared.value
  const all = runs.differences.found.value.filter(({ values }) => values.length === drawn.length)
  return (
    <section class="differences" aria-labelledby="differences-title">
      <h2 id="differences-title">Where their recipes differ</h2>
      {drawn.length < 2 ? (
        <p class="quiet">
          {runs.drawn.value.length > drawn.length + 1
            ? 'TensorBoard’s runs have no recipes to be compared.'
            : 'Choose two runs, and the fields in which they differ are here.'}
        </p>
      ) : all.length === 0 ? (
        <p class="quiet">In nothing: these runs have one recipe.</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">field</th>
              <th scope="col">value</th>
              <th scope="col">runs</th>
            </tr>
          </thead>
          {all.map(({ field, values }) => (
            <Field key={field} field={field} values={values} drawn={drawn} />
          ))}
        </table>
      )}
    </section>
  )
}

interface FieldProps {
  readonly field: string
  readonly values: readonly unknown[]
  readonly drawn: readonly DrawnRun[]
}

function Field({ field, values, drawn }: FieldProps) {
  const groups = byValue(values)
  return (
    <tbody>
      {groups.map(({ value, indices }, k) => (
        <tr key={value} data-field={field}>
          {k === 0 && (
            <th scope="rowgroup" rowSpan={groups.length}>
              {field}
            </th>
          )}
          <td>{value}</td>
          <td class="names">
            {indices.map(index => (
              <span key={drawn[index]!.row.key}>
                <Swatch look={drawn[index]!.look} />
                <span>{drawn[index]!.row.name}</span>
              </span>
            ))}
          </td>
        </tr>
      ))}
    </tbody>
  )
}

/** Notices that are listed; a run that is sick has one an epoch. */
const mostNotices = 40

/** Alarms and notices, newest first within a run, and why runs failed. */
export function Notices({ runs }: { readonly runs: Runs }) {
  const all = useComputed(() =>
    runs.drawn.value.flatMap(({ row, look, curve }) => {
      const { story } = curve
      const notices = story.notices.map((notice, index) => ({ ...notice, index, row, look, story })).reverse()
      // What a broken loss says is a notice, too.
      const isTold = story.notices.some(({ kind }) => kind === 'broken')
      const failure =
        row.why !== undefined && !isTold
          ? [
              {
                kind: 'broken' as const,
                step: row.step,
                seconds: row.seconds,
                message: row.why,
                index: -1,
                row,
                look,
                story,
              },
            ]
          : []
      return [...failure, ...notices]
    }),
  ).value
  return (
    <section class="notices" aria-labelledby="notices-title">
      <h2 id="notices-title">Alarms and notices</h2>
      {all.length === 0 && <p class="quiet">None in these runs.</p>}
      <ul>
        {all.slice(0, mostNotices).map(({ row, look, story, index, kind, step, seconds, message }) => (
          <li key={`${row.key} ${index}`} class={kind === 'broken' ? 'broken' : undefined}>
            <button
              type="button"
              title="Put the crosshair there"
              onClick={() => {
                runs.cursor.value = placeOf(runs.axis.value, step, seconds, story)
              }}
            >
              <Swatch look={look} />
              <span class="who">{row.name}</span>
              <span class="quiet">step {whole(step)}</span>
            </button>
            <p>{message}</p>
          </li>
        ))}
      </ul>
      {all.length > mostNotices && <p class="quiet small">and {all.length - mostNotices} more</p>}
    </section>
  )
}
