/**
 * A run's images on the command line: reports while they are read, and a comparison with those that the run began with.
 */
import { compareFingerprint, type FingerprintCheck } from '../runs/fingerprint.node.ts'
import type { DataListener } from '../runs/pictures.node.ts'
import { CommandError } from './terminal/errors.ts'
import { warn } from './terminal/output.ts'
import { checkProgress, downloadProgress } from './terminal/progressLines.ts'

/** Reports on images while they are read. */
export const reading: DataListener = { warn, downloading: downloadProgress, checking: checkProgress }

/**
 * Compares a run's images with those that it began with. Warns that a run without a fingerprint cannot be compared.
 * @param allowChanged true for a warning about changes instead of an error
 * @throws CommandError saying what has changed.
 */
export async function checkImages(check: FingerprintCheck, allowChanged = false): Promise<void> {
  const { run } = check
  const { changes, isUnknown } = await compareFingerprint(check)
  if (isUnknown) {
    warn(`${run}: was made by a version without fingerprints: whether its images are still the same cannot be checked`)
  }
  if (changes === undefined) return
  const message = `${run}: ${changes}`
  if (!allowChanged) throw new CommandError(`${message}; to continue anyway: --allow-changed-data`)
  warn(message)
}
