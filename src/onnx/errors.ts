/** What is wrong with an ONNX file: which node, which operator, which rule. */

/** Thrown for a file that is broken, or that uses something Fovea does not support. */
export class OnnxError extends Error {
  override readonly name: string = 'OnnxError'
  /** Name of the node that the error is about, or of its first output; absent when it is about the whole file. */
  readonly node: string | undefined
  /** Its operator, `Conv`. */
  readonly op: string | undefined

  constructor(message: string, { node, op, cause }: { node?: string; op?: string; cause?: unknown } = {}) {
    super(node === undefined ? message : `node '${node}' (${op}): ${message}`, cause === undefined ? {} : { cause })
    this.node = node
    this.op = op
  }
}

/**
 * Thrown by an operator's importer, or an operation's exporter, for a case it does not support; the caller adds the
 * place.
 */
export class Unsupported extends Error {
  override readonly name = 'Unsupported'
}
