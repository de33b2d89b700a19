/** The ONNX files that ONNX Runtime's contenders load: written once by PyTorch, kept with the bench's build. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { lastErrorLine } from './process.ts'
import type { Row } from './rows.ts'

/** The file of a row. */
export interface OnnxFile {
  readonly path: string
  /** Writes the file unless it is there. @throws Error with the exporter's message. */
  write(python: string): Promise<void>
}

/** Where a row's network is kept, for the row's batch size. */
export function onnxFile(row: Row): OnnxFile {
  const path = fileURLToPath(new URL(`./onnx/${row.net.name}-b${row.batch}.onnx`, import.meta.url))
  const exporter = fileURLToPath(new URL('../src/contenders/export_onnx.py', import.meta.url))
  return {
    path,
    async write(python) {
      if (existsSync(path)) return
      await mkdir(dirname(path), { recursive: true })
      const env = { ...process.env, FOVEA_BENCH_ROW: JSON.stringify(row), PYTHONDONTWRITEBYTECODE: '1' }
      try {
        await promisify(execFile)(python, [exporter, path], { env })
      } catch (error) {
        const { stderr } = error as { stderr?: string }
        throw new Error(`no ONNX file: ${lastErrorLine(stderr ?? '') || String(error)}`)
      }
    },
  }
}
