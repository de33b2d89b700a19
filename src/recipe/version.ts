/** The version of Fovea. A test compares it with `package.json`, which a page cannot read. */
export const version = '0.1.0'
