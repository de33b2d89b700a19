/**
 * The files beside the run folder of a trial, by which its process and the processes of its study know of each other.
 * They work wherever the run folder does: behind a launcher, and from one machine to another.
 */

/** The lock of the study's process that has taken the trial; its token is what the trial's process is started with. */
export const claimOf = (run: string): string => `${run}.claim`

/** The lock of the trial's process, held for that token. */
export const processOf = (run: string): string => `${run}.process`

/** Why the trial failed, in a line; a trial that has it is not trained again. */
export const failureOf = (run: string): string => `${run}.failed`
