/** Build: a network by hand, as a table, as a graph and as code; and networks of the catalog and of files, to look at. */
import { computed, effect, useComputed, useSignalEffect } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { formatVolume } from '../../../../src/inspect/formatSummary.ts'
import { findModel, type ModelName } from '../../../../src/models/index.ts'
import { formatLarge } from '../../../../src/text/format.ts'
import { FilesButton } from '../../frame/filesButton.tsx'
import { startLab } from '../../frame/start.ts'
import type { FoundFile } from '../../frame/upload.ts'
import { layersOf } from '../../network/layersOf.ts'
import type { Lab } from '../../state/lab.ts'
import { formatLink } from '../../state/link.ts'
import { type DataName, dataNames, firstRecipe, networks } from '../../state/recipe.ts'
import { splitOwn } from '../../worker/openData.ts'
import '../../style/build.css'
import { CodeView } from './codeView.tsx'
import { FileNetwork } from './files.ts'
import { FileView } from './fileView.tsx'
import { GraphView } from './graphView.tsx'
import { CostTable, LayerTable, totalsOf } from './layerTable.tsx'
import { Build } from './state.ts'
import { modelNames, templates } from './templates.ts'

/** What was built stays while other screens are looked at. */
const builds = new WeakMap<Lab, Build>()

function buildOf(lab: Lab): Build {
  const known = builds.get(lab)
  if (known) return known
  const facts = (): ReturnType<typeof splitOwn>['facts'] | undefined => lab.own && splitOwn(lab.own.pictures).facts
  const build = new Build(firstRecipe, facts)
  // What was chosen for the training of the page holds for what is built, until a link says something else.
  const backend = computed(() => lab.recipe.value.backend)
  effect(() => {
    build.backend.value = backend.value
  })
  lab.asked.value ??= lab.recipe.peek()
  builds.set(lab, build)
  return build
}

/** The screen. */
export function BuildScreen({ lab }: { readonly lab: Lab }) {
  const build = useMemo(() => buildOf(lab), [lab])
  // A link leads to a network; the address is the one of what is built.
  useSignalEffect(() => {
    const asked = lab.asked.value
    if (!asked) return
    lab.asked.value = undefined
    try {
      build.take(asked)
    } catch (error) {
      lab.problem.value = { message: `This link holds a network that cannot be read: ${(error as Error).message}.` }
    }
  })
  useSignalEffect(() => {
    if (lab.screen.value !== 'build' || build.looked.value) return
    const recipe = build.recipe(lab.own?.fingerprint)
    history.replaceState(null, '', formatLink({ recipe, interventions: [], screen: 'build' }))
  })
  useSignalEffect(() => {
    const files = lab.dropped.value
    if (!files) return
    lab.dropped.value = undefined
    void takeDropped(lab, build, files)
  })
  useKeys(build)
  const looked = build.looked.value
  const shown = build.shown.value
  const onPicture = (picture: File): void => void classify(lab, build, picture)
  return (
    <div class="screen build">
      <section class="work" aria-labelledby="build-title">
        <Title lab={lab} build={build} />
        <Facts build={build} />
        {looked?.kind === 'file' && <FileView key={looked.file.facts.name} file={looked.file} onPicture={onPicture} />}
        {looked ? (
          shown && <CostTable build={build} graph={shown.graph} />
        ) : (
          <>
            <LayerTable build={build} />
            <CodeView build={build} />
          </>
        )}
      </section>
      <GraphView build={build} />
    </div>
  )
}

interface PartProps {
  readonly build: Build
}

function Title({ lab, build }: PartProps & { readonly lab: Lab }) {
  const looked = build.looked.value
  return (
    <div class="bar">
      <h1 id="build-title">{looked ? titleOf(build) : 'Build'}</h1>
      <div class="tools">
        <Begin build={build} />
        <OpenFile lab={lab} />
        {looked ? <Edit build={build} /> : <Editing lab={lab} build={build} />}
      </div>
    </div>
  )
}

function titleOf({ looked, shown }: Build): string {
  const at = looked.value
  return at?.kind === 'file' ? at.file.facts.name : (shown.value?.name ?? '')
}

/** Which network: one to begin with, or one of the catalog to look at. */
function Begin({ build }: PartProps) {
  return (
    <select
      aria-label="Show another network"
      value=""
      onChange={event => {
        const { value } = event.currentTarget
        event.currentTarget.value = ''
        const template = templates.find(({ title }) => title === value)
        if (template) build.edit(template.make(build.facts.value))
        else build.look({ kind: 'model', name: value as ModelName })
      }}
    >
      <option value="" disabled>
        begin with …
      </option>
      <optgroup label="to edit">
        {templates.map(({ title }) => (
          <option key={title} value={title}>
            {title}
          </option>
        ))}
      </optgroup>
      <optgroup label="of the catalog">
        {modelNames.map(name => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </optgroup>
    </select>
  )
}

/** Chooses the file of a network; dropping it anywhere does the same. */
function OpenFile({ lab }: { readonly lab: Lab }) {
  return (
    <FilesButton
      label="Open a file"
      title="Or drop it here: .onnx, .fovea, .pth, .safetensors, or a run’s folder"
      asksFor="File of a network"
      id="network-file"
      onFiles={files => {
        lab.dropped.value = files
      }}
    />
  )
}

/** From a network that is looked at to one that is edited. */
function Edit({ build }: PartProps) {
  const looked = build.looked.value
  const layers = useMemo(
    () => (looked?.kind === 'model' ? layersOf(findModel(looked.name).create()) : undefined),
    [looked],
  )
  return (
    <>
      {layers && (
        <button type="button" class="go" onClick={() => build.edit(layers)}>
          Edit a copy
        </button>
      )}
      <button type="button" onClick={() => build.look(undefined)}>
        Back to your network
      </button>
    </>
  )
}

/** What is done with the network that is edited. */
function Editing({ lab, build }: PartProps & { readonly lab: Lab }) {
  const { data: choices } = networks.custom
  const train = (): void => {
    startLab(lab, formatLink({ recipe: build.recipe(lab.own?.fingerprint), interventions: [], screen: 'train' }))
  }
  return (
    <>
      <select
        aria-label="for pictures of"
        value={build.data.value}
        onChange={event => {
          build.data.value = event.currentTarget.value as DataName
        }}
      >
        {choices
          .filter(name => name !== 'own' || lab.own !== undefined)
          .map(name => (
            <option key={name} value={name}>
              for {dataNames[name]}
            </option>
          ))}
      </select>
      <button type="button" disabled={!build.canUndo.value} title="Ctrl Z" onClick={() => build.undo()}>
        Undo
      </button>
      <button type="button" disabled={!build.canRedo.value} title="Ctrl Shift Z" onClick={() => build.redo()}>
        Redo
      </button>
      <button type="button" class="go" disabled={!build.isRight.value} onClick={train}>
        Train this
      </button>
    </>
  )
}

/** Counts files that were dropped. */
let openings = 0

/** Opens files, or classifies a picture; what is wrong with them is told, and what was shown stays. */
async function takeDropped(lab: Lab, build: Build, files: readonly FoundFile[]): Promise<void> {
  const [first] = files
  if (first && files.length === 1 && isPicture(first.file)) return classify(lab, build, first.file)
  const name = first?.path.split('/')[0]
  build.opening.value = name
  const own = ++openings
  try {
    const file = await FileNetwork.open(files)
    // What was dropped later is shown.
    if (own !== openings) return file.close()
    build.look({ kind: 'file', file })
    lab.problem.value = undefined
  } catch (error) {
    if (own === openings) lab.problem.value = { message: (error as Error).message }
  } finally {
    if (own === openings) build.opening.value = undefined
  }
}

const isPicture = ({ name, type }: File): boolean =>
  type.startsWith('image/') || /\.(png|jpe?g|webp|gif|bmp)$/i.test(name)

async function classify(lab: Lab, build: Build, picture: File): Promise<void> {
  const looked = build.looked.value
  try {
    if (looked?.kind !== 'file' || !looked.file.facts.classifies) {
      throw new Error(
        `${picture.name} is a picture, and no network that takes pictures is open here: drop one, then the picture again.`,
      )
    }
    await looked.file.classify(picture)
    lab.problem.value = undefined
  } catch (error) {
    lab.problem.value = { message: (error as Error).message }
  }
}

/** What the network is, in a line; read aloud as it changes. */
function Facts({ build }: PartProps) {
  const text = useComputed(() => {
    if (build.opening.value !== undefined) return `Reading ${build.opening.value} …`
    const { graph } = build.shown.value ?? {}
    const wrong = build.looked.value ? 0 : build.misfits.value.filter(({ isWrong }) => isWrong).length
    if (!graph) return build.looked.value ? '' : 'Nothing can be drawn: see the layers.'
    const { parameters, multiplyAdds } = totalsOf(graph)
    const [first, last] = [graph.nodes[0]!, graph.nodes.at(-1)!]
    const costs = `${formatVolume(first.output)} → ${formatVolume(last.output)}, ${formatLarge(parameters)} parameters, ${formatLarge(multiplyAdds)} multiply-adds for a picture`
    if (wrong === 0) return `${costs}.`
    return `${wrong} ${wrong === 1 ? 'layer does' : 'layers do'} not fit. What comes before: ${costs}.`
  })
  return (
    <p class="small quiet" role="status">
      {text}
    </p>
  )
}

/** Undo and redo by keys, but not while text is written. */
function useKeys(build: Build): void {
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== 'z') return
      if (event.target instanceof HTMLElement && event.target.matches('textarea, input')) return
      event.preventDefault()
      if (event.shiftKey) build.redo()
      else build.undo()
    }
    addEventListener('keydown', press)
    return () => removeEventListener('keydown', press)
  }, [build])
}
