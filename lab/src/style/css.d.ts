/** Style sheets that a screen brings along when it is loaded. */
declare module '*.css'
