/** Where the built page of the Lab is, beside the built command line. */
import { fileURLToPath } from 'node:url'

export const site = fileURLToPath(new URL('../../../lab', import.meta.url))
