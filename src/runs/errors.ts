/** Errors about runs that the caller names. */

/** Thrown for a folder that is not a run, and for misuse of a run. Names the folder and what is missing. */
export class RunFolderError extends Error {
  override readonly name = 'RunFolderError'
}

/** Thrown for a file or folder that was named but does not exist. */
export class MissingError extends Error {
  override readonly name = 'MissingError'
}
