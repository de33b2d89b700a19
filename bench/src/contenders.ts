/** Who is measured: names, commands, and how many steps a round affords. */
import { fileURLToPath } from 'node:url'

/** One line of the table. */
export interface ContenderSpec {
  readonly name: string
  readonly command: readonly string[]
  /** True when it cannot use a second thread in Node: measured once, with one. */
  readonly singleThreaded?: boolean
  /** True when a step takes tenths of a second: few steps, few rounds. */
  readonly slow?: boolean
}

/** The line the others are compared with. */
export const subject = 'Fovea'

/** All contenders. @param python the interpreter that has PyTorch and TensorFlow */
export function contenders(python: string): ContenderSpec[] {
  const node = (file: string): string[] => [
    process.execPath,
    fileURLToPath(new URL(`./contenders/${file}.js`, import.meta.url)),
  ]
  // Python files are not compiled: they are run where they were written.
  const py = (file: string, variant: string): string[] => [
    python,
    fileURLToPath(new URL(`../src/contenders/${file}.py`, import.meta.url)),
    variant,
  ]
  return [
    { name: subject, command: node('fovea') },
    { name: 'PyTorch, eager', command: py('torch_lenet', 'eager') },
    { name: 'PyTorch, channels_last', command: py('torch_lenet', 'channels_last') },
    { name: 'PyTorch, torch.compile', command: py('torch_lenet', 'compile') },
    { name: 'Keras (TensorFlow), train_on_batch', command: py('tensorflow_lenet', 'keras') },
    { name: 'TensorFlow, tf.function', command: py('tensorflow_lenet', 'function') },
    { name: 'TensorFlow, tf.function through XLA', command: py('tensorflow_lenet', 'xla') },
    { name: 'convnetjs', command: node('convnetjs'), singleThreaded: true, slow: true },
    { name: 'jax-js (wasm)', command: node('jaxjs'), singleThreaded: true, slow: true },
  ]
}
