/** The short form `folder:PATH`, which names an image folder as a data set. */
const prefix = 'folder:'

/** The path in `folder:PATH`; undefined for the name of a data set. */
export const folderOf = (source: string): string | undefined =>
  source.startsWith(prefix) ? source.slice(prefix.length) : undefined

/** `folder:PATH`. */
export const folderSource = (path: string): string => `${prefix}${path}`
