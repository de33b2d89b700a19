/** The layers as a table that is edited: numbers, names and places of layers, what they cost, and where they do not fit. */
import { useComputed, useSignal } from '@preact/signals'
import { formatReceptiveField, formatVolume } from '../../../../src/inspect/formatSummary.ts'
import type { NetworkGraph, NetworkNode } from '../../../../src/inspect/index.ts'
import { formatBytes, formatCount } from '../../../../src/text/format.ts'
import { type Argument, type KindName, kindOf, kinds, type Layer, numberOf, problemOf } from '../../network/kinds.ts'
import type { Misfit } from '../../network/misfits.ts'
import { dataNames } from '../../state/recipe.ts'
import type { Build } from './state.ts'

/** Heads of what is measured. */
const measures = ['output', 'parameters', 'multiply-adds', 'memory', 'field'] as const
const columns = measures.length + 3

/** Costs of a whole network: those of the nodes that are in no other. */
export function totalsOf({
  nodes,
}: NetworkGraph): Pick<NetworkNode, 'parameters' | 'multiplyAdds' | 'activationBytes'> {
  const outer = nodes.filter(({ parent }) => parent === undefined)
  const total = (of: (node: NetworkNode) => number): number => outer.reduce((sum, node) => sum + of(node), 0)
  return {
    parameters: total(node => node.parameters),
    multiplyAdds: total(node => node.multiplyAdds),
    activationBytes: total(node => node.activationBytes),
  }
}

/** The table that is edited. */
export function LayerTable({ build }: { readonly build: Build }) {
  // A layer that is a block is the node around all that it holds.
  const costs = useComputed(() => {
    const outer = build.shown.value?.graph.nodes.filter(({ parent }) => parent === undefined) ?? []
    return new Map(outer.map(node => [node.path, node]))
  })
  const layers = build.layers.value
  const misfits = build.misfits.value
  const { graph } = build.shown.value ?? {}
  return (
    <div class="scroll">
      <table class="layer-table">
        <caption class="unseen">The layers, with their numbers and what they cost for one picture</caption>
        <Head />
        <tbody>
          <tr>
            <th scope="row">input</th>
            <td class="quiet">a picture of {dataNames[build.data.value]}</td>
            <td class="number">{formatVolume(build.input.value)}</td>
            <td colSpan={4} />
            <td />
          </tr>
          {layers.map((layer, at) => (
            <LayerRow
              key={layer.name}
              build={build}
              layer={layer}
              at={at}
              cost={costs.value.get(layer.name)}
              misfits={misfits.filter(misfit => misfit.at === at)}
            />
          ))}
          <Misfits build={build} misfits={misfits.filter(({ at }) => at === layers.length)} />
          <tr class="add-row">
            <td colSpan={columns}>
              <AddLayer build={build} />
            </td>
          </tr>
        </tbody>
        {graph && <Totals name={build.isRight.value ? 'total' : 'total of what fits'} graph={graph} />}
      </table>
    </div>
  )
}

const Head = () => (
  <thead>
    <tr>
      <th scope="col">layer</th>
      <th scope="col">kind</th>
      {measures.map(name => (
        <th key={name} scope="col" class="number">
          {name}
        </th>
      ))}
      <th scope="col">
        <span class="unseen">change</span>
      </th>
    </tr>
  </thead>
)

interface RowProps {
  readonly build: Build
  readonly layer: Layer
  readonly at: number
  readonly cost: NetworkNode | undefined
  readonly misfits: readonly Misfit[]
}

function LayerRow({ build, layer, at, cost, misfits }: RowProps) {
  const { name, kind } = layer
  const { title, arguments: all } = kindOf(kind)
  const isOver = useSignal(false)
  const isChosen = build.chosen.value === name
  const isShown = ({ key, isRare, usual }: Argument): boolean => isChosen || !isRare || numberOf(layer, key) !== usual
  const press = (event: KeyboardEvent): void => {
    const by = event.altKey ? { ArrowUp: -1, ArrowDown: 1 }[event.key] : undefined
    if (by === undefined) return
    event.preventDefault()
    event.stopPropagation()
    build.move(at, at + by)
  }
  const drop = (event: DragEvent): void => {
    isOver.value = false
    const from = event.dataTransfer?.getData(dragged)
    if (!from) return
    event.preventDefault()
    event.stopPropagation()
    build.move(Number(from), at)
  }
  const isWrong = misfits.some(misfit => misfit.isWrong)
  return (
    <>
      <tr
        class={`${isChosen ? 'chosen' : ''}${isWrong ? ' misfitting' : ''}${isOver.value ? ' over' : ''}`}
        onKeyDown={press}
        onFocusIn={() => {
          build.chosen.value = name
        }}
        onClick={() => {
          build.chosen.value = name
        }}
        onDragOver={event => {
          if (!event.dataTransfer?.types.includes(dragged)) return
          event.preventDefault()
          isOver.value = true
        }}
        onDragLeave={() => {
          isOver.value = false
        }}
        onDrop={drop}
      >
        <th scope="row">
          <span
            class="grip"
            draggable
            title="Drag to another place; keys: Alt and arrows"
            aria-hidden="true"
            onDragStart={event => event.dataTransfer?.setData(dragged, String(at))}
          >
            ⠿
          </span>
          <NameField build={build} layer={layer} at={at} />
        </th>
        <td class="kind">
          <span>{title}</span>
          {all.filter(isShown).map(argument => (
            <NumberField key={argument.key} build={build} layer={layer} at={at} argument={argument} />
          ))}
        </td>
        <Costs node={cost} />
        <td class="changes">
          <button
            type="button"
            class="icon"
            aria-label={`Move ${name} up`}
            title="Up (Alt ↑)"
            disabled={at === 0}
            onClick={() => build.move(at, at - 1)}
          >
            ↑
          </button>
          <button
            type="button"
            class="icon"
            aria-label={`Move ${name} down`}
            title="Down (Alt ↓)"
            disabled={at === build.layers.value.length - 1}
            onClick={() => build.move(at, at + 1)}
          >
            ↓
          </button>
          <button
            type="button"
            class="icon"
            aria-label={`Remove ${name}`}
            title="Remove"
            onClick={() => build.remove(at)}
          >
            ×
          </button>
        </td>
      </tr>
      <Misfits build={build} misfits={misfits} />
    </>
  )
}

const dragged = 'application/x-fovea-layer'

/** A number, or a dash for zero: a column of zeros is hard to read. */
const dashed = (value: number, format: (value: number) => string): string => (value === 0 ? '–' : format(value))

/** What does not fit, in the row under its layer, with what mends it. */
function Misfits({ build, misfits }: { readonly build: Build; readonly misfits: readonly Misfit[] }) {
  return (
    <>
      {misfits.map(({ message, isWrong, remedy }) => (
        <tr key={message} class="misfit">
          <td colSpan={columns}>
            <p class={isWrong ? 'is-wrong' : 'quiet'}>
              {message}.{' '}
              {remedy && (
                <button type="button" onClick={() => build.edit(remedy.layers)}>
                  {remedy.name}
                </button>
              )}
            </p>
          </td>
        </tr>
      ))}
    </>
  )
}

function NameField({ build, layer: { name }, at }: Pick<RowProps, 'build' | 'layer' | 'at'>) {
  const problem = useSignal<string | undefined>(undefined)
  return (
    <>
      <input
        class="name"
        value={name}
        style={`--digits: ${Math.max(4, name.length)}`}
        spellcheck={false}
        aria-label={`Name of ${name}`}
        aria-invalid={problem.value !== undefined}
        title={problem.value}
        onChange={event => {
          problem.value = build.rename(at, event.currentTarget.value)
        }}
      />
      {problem.value !== undefined && (
        <span class="is-wrong micro" role="alert">
          {problem.value}
        </span>
      )}
    </>
  )
}

interface NumberProps extends Pick<RowProps, 'build' | 'layer' | 'at'> {
  readonly argument: Argument
}

/** A number of a layer, which takes effect as it is typed; one that cannot be stays beside the layer until it can. */
function NumberField({ build, layer, at, argument }: NumberProps) {
  const { key, title, least, most, isFlag, isFraction } = argument
  const value = numberOf(layer, key)
  const typed = useSignal<string | undefined>(undefined)
  if (isFlag) {
    return (
      <label class="field">
        <input
          type="checkbox"
          checked={value === 1}
          onChange={event => build.set(at, argument, event.currentTarget.checked ? 1 : 0)}
        />
        <span>{title}</span>
      </label>
    )
  }
  const isPoolStride = key === 'stride' && argument.usual === 0
  const shown = isPoolStride && value === 0 ? numberOf(layer, 'kernel') : value
  const input = (text: string): void => {
    const given = Number(text)
    const isNumber = text !== '' && problemOf(argument, given) === undefined
    typed.value = isNumber ? undefined : text
    // A pool's stride that is its kernel follows it.
    if (isNumber) build.set(at, argument, isPoolStride && given === numberOf(layer, 'kernel') ? 0 : given)
  }
  const problem =
    typed.value === undefined ? undefined : problemOf(argument, typed.value === '' ? Number.NaN : Number(typed.value))
  return (
    <label class="field">
      <span>{key === 'in' || key === 'out' ? key : title}</span>
      <input
        type="number"
        min={isPoolStride ? 1 : least}
        max={most}
        step={isFraction ? 'any' : 1}
        value={typed.value ?? shown}
        style={`--digits: ${Math.max(2, String(shown).length)}`}
        aria-label={`${title} of ${layer.name}`}
        aria-invalid={problem !== undefined}
        title={problem}
        onInput={event => input(event.currentTarget.value)}
        onBlur={() => {
          typed.value = undefined
        }}
      />
    </label>
  )
}

/** Adds a layer after the chosen one, or at the end. */
function AddLayer({ build }: { readonly build: Build }) {
  const at = useComputed(() => {
    const chosen = build.layers.value.findIndex(({ name }) => name === build.chosen.value)
    return chosen < 0 ? build.layers.value.length : chosen + 1
  })
  const after = build.layers.value[at.value - 1]?.name
  return (
    <select
      class="add"
      aria-label={after === undefined ? 'Add a layer at the beginning' : `Add a layer after ${after}`}
      value=""
      onChange={event => {
        build.insert(at.value, event.currentTarget.value as KindName)
        event.currentTarget.value = ''
      }}
    >
      <option value="" disabled>
        {after === undefined ? 'add a layer' : `add after ${after}`}
      </option>
      {Object.entries(kinds).map(([name, { title }]) => (
        <option key={name} value={name}>
          {title}
        </option>
      ))}
    </select>
  )
}

/** What a layer gives and costs; empty for one that cannot be traced. */
function Costs({ node }: { readonly node: NetworkNode | undefined }) {
  if (!node) return <td colSpan={measures.length} />
  const { output, parameters, multiplyAdds, activationBytes, receptiveField } = node
  return (
    <>
      <td class="number" data-name="gives">
        {formatVolume(output)}
      </td>
      <td class="number" data-name="parameters">
        {dashed(parameters, formatCount)}
      </td>
      <td class="number" data-name="multiply-adds">
        {dashed(multiplyAdds, formatCount)}
      </td>
      <td class="number" data-name="memory">
        {dashed(activationBytes, formatBytes)}
      </td>
      <td class="number" data-name="field">
        {formatReceptiveField(receptiveField)}
      </td>
    </>
  )
}

function Totals({ name, graph }: { readonly name: string; readonly graph: NetworkGraph }) {
  const { parameters, multiplyAdds, activationBytes } = totalsOf(graph)
  return (
    <tfoot>
      <tr>
        <th scope="row">{name}</th>
        <td />
        <td />
        <td class="number" data-name="parameters">
          {formatCount(parameters)}
        </td>
        <td class="number" data-name="multiply-adds">
          {formatCount(multiplyAdds)}
        </td>
        <td class="number" data-name="memory">
          {formatBytes(activationBytes)}
        </td>
        <td colSpan={2} />
      </tr>
    </tfoot>
  )
}

/** The table of a network that is looked at. */
export function CostTable({ build, graph }: { readonly build: Build; readonly graph: NetworkGraph }) {
  const rows = graph.nodes.filter(({ kind }) => kind !== 'module' && kind !== 'output')
  return (
    <div class="scroll">
      <table class="layer-table">
        <caption class="unseen">The layers and what they cost for one picture</caption>
        <Head />
        <tbody>
          {rows.map(node => (
            <tr
              key={node.id}
              class={build.chosen.value === node.path ? 'chosen' : undefined}
              onClick={() => {
                build.chosen.value = node.path
              }}
            >
              <th scope="row">{node.path}</th>
              <td class="kind">
                {node.type} <span class="quiet">{node.window}</span>
              </td>
              <Costs node={node} />
              <td />
            </tr>
          ))}
        </tbody>
        <Totals name="total" graph={graph} />
      </table>
    </div>
  )
}
