/**
 * Loaded into a process of the command line before it starts (`node --import`): the process signals itself, or its parent,
 * or both, as soon as it has logged a step. A test that watched the log from outside would sometimes come too late on a busy machine.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const { FOVEA_TEST_SIGNAL: signal, FOVEA_TEST_SIGNAL_STEP: step, FOVEA_TEST_SIGNAL_TO: to } = process.env
const { writeSync } = fs

fs.writeSync = (file, data, ...rest) => {
  const written = writeSync(file, data, ...rest)
  const text = typeof data === 'string' ? data : Buffer.from(data).toString()
  if (text.includes('"type":"step"') && text.includes(`"step":${step},`)) {
    if (to !== 'self') process.kill(process.ppid, signal)
    if (to !== 'parent') process.kill(process.pid, signal)
  }
  return written
}
syncBuiltinESMExports()
