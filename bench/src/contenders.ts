/** Who is measured: names, commands, and what each of them cannot do. */
import { fileURLToPath } from 'node:url'
import { onnxFile } from './onnx.ts'
import type { Row } from './rows.ts'
import type { SecondNode } from './secondNode.ts'

/** One line of the tables. */
export interface ContenderSpec {
  readonly name: string
  /** Fovea itself, a native framework, or another that runs where JavaScript runs. */
  readonly kind: 'fovea' | 'native' | 'javascript'
  command(row: Row): readonly string[]
  /** True when it cannot use a second thread in Node: measured once, with one. */
  readonly singleThreaded?: boolean
  /** True for variants that are there to be seen once: they have no line in other rows. */
  readonly lenetOnly?: boolean
  /** What must be made before it is started. */
  prepare?(row: Row): Promise<void>
  /** Why it is not measured on a row. */
  unable?(row: Row): string | undefined
}

/** The line the others are compared with. */
export const subject = 'Fovea'

const node = (file: string, ...parameters: string[]): string[] => [
  fileURLToPath(new URL(`./contenders/${file}.js`, import.meta.url)),
  ...parameters,
]

/** Networks that convnetjs has all layers for. */
const plainNets: readonly string[] = ['lenet5', 'alexnet', 'vgg16']

/** Whether a row is LeNet-5's, which has programs of its own. */
export const isLenet = ({ net }: Row): boolean => net.name === 'lenet5'
const tooSlow = "at LeNet-5's rate a pass would take seconds to minutes"
const inferenceOnly = ({ task }: Row): string | undefined => (task === 'train' ? 'inference only' : undefined)

/**
 * All contenders.
 * @param python the interpreter that has PyTorch and TensorFlow
 * @param second a second Node, for Fovea alone
 */
export function contenders(python: string, second: SecondNode | undefined): ContenderSpec[] {
  // Python files are not compiled: they are run where they were written.
  const py = (file: string, ...parameters: string[]): string[] => [
    python,
    fileURLToPath(new URL(`../src/contenders/${file}.py`, import.meta.url)),
    ...parameters,
  ]
  const fovea = (name: string, ...command: string[]): ContenderSpec => ({ name, kind: 'fovea', command: () => command })
  const torch = (name: string, variant: string): ContenderSpec => ({
    name: `PyTorch, ${name}`,
    kind: 'native',
    command: row => py(isLenet(row) ? 'torch_lenet' : 'torch_net', variant),
  })
  const kerasLenet = (name: string, variant: string): ContenderSpec => ({
    name,
    kind: 'native',
    command: () => py('tensorflow_lenet', variant),
    lenetOnly: true,
  })
  const onnxRuntime = (which: 'node' | 'web'): ContenderSpec => ({
    name: which === 'node' ? 'ONNX Runtime (onnxruntime-node)' : 'ONNX Runtime, wasm (onnxruntime-web)',
    kind: which === 'node' ? 'native' : 'javascript',
    command: row => [process.execPath, ...node('onnxRuntime', which, onnxFile(row).path)],
    prepare: row => onnxFile(row).write(python),
    unable: inferenceOnly,
  })
  return [
    fovea(subject, process.execPath, ...node('fovea', 'relaxed')),
    fovea(`${subject}, precise`, process.execPath, ...node('fovea', 'precise')),
    fovea(`${subject}, native`, process.execPath, ...node('fovea', 'native')),
    ...(second === undefined
      ? []
      : [
          fovea(`${subject}, ${second.name}`, second.path, ...node('fovea', 'relaxed')),
          fovea(`${subject}, ${second.name} wide`, second.path, ...node('fovea', 'wide')),
          fovea(`${subject}, ${second.name} native`, second.path, ...node('fovea', 'native')),
        ]),
    torch('eager', 'eager'),
    torch('channels_last', 'channels_last'),
    torch('torch.compile', 'compile'),
    kerasLenet('Keras (TensorFlow), train_on_batch', 'keras'),
    {
      name: 'TensorFlow, tf.function',
      kind: 'native',
      command: row => (isLenet(row) ? py('tensorflow_lenet', 'function') : py('tensorflow_net')),
    },
    kerasLenet('TensorFlow, tf.function through XLA', 'xla'),
    onnxRuntime('node'),
    onnxRuntime('web'),
    {
      name: 'TensorFlow.js (wasm)',
      kind: 'javascript',
      command: () => [process.execPath, ...node('tfjs')],
      singleThreaded: true,
      unable: ({ task }) => (task === 'train' ? 'no gradient of convolutions' : undefined),
    },
    {
      name: 'convnetjs',
      kind: 'javascript',
      command: () => [process.execPath, ...node('convnetjs')],
      singleThreaded: true,
      unable: row => {
        if (isLenet(row)) return undefined
        return plainNets.includes(row.net.name) ? tooSlow : 'no batch normalization, no branches'
      },
    },
    {
      name: 'jax-js (wasm)',
      kind: 'javascript',
      command: () => [process.execPath, ...node('jaxjs')],
      singleThreaded: true,
      unable: row => (isLenet(row) ? undefined : tooSlow),
    },
  ]
}
