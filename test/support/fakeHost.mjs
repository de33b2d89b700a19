/** Loaded into a process of the command line before it starts (`node --import`): it is then on a machine of another name. */

import { syncBuiltinESMExports } from 'node:module'
import os from 'node:os'

os.hostname = () => process.env.FOVEA_TEST_HOST
syncBuiltinESMExports()
