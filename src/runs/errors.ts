/** What is wrong with a run that somebody names. */

/** Thrown for a folder that is not a run, and for misuse of one. Names the folder and what is missing. */
export class RunFolderError extends Error {
  override readonly name = 'RunFolderError'
}

/** Thrown for a file or folder that was named and is not there. */
export class MissingError extends Error {
  override readonly name = 'MissingError'
}
