/** Where the built page of the Lab is, beside the built command line. */
import { join } from 'node:path'
import { packageCode } from '../../../recipe/userCode.node.ts'

export const site = join(packageCode, 'lab')
