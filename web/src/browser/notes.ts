import type { Note } from "../studio.ts";

/** The keys of all notes that a result from this browser may have, with the values that each has; the page's texts say
 * them to people. */
export const NOTES = {
  /** The photo is black, or a lens cap's noise, and stays as it is. */
  nothing: [],
  /** The colours were converted from the profile of that name to sRGB, and the result says that it is sRGB. */
  colours_converted: ["profile"],
  /** The file has 16 bits a channel, of which the browser keeps 8. */
  bits_reduced: ["from", "to"],
  /** Only the first of so many frames was enhanced. */
  first_frame: [],
  /** This browser cannot write the original's format: the result is PNG. */
  written_as: ["format", "instead"],
  /** Pixels that are nearly transparent were rounded by the browser. */
  alpha_rounded: [],
  /** Blocks of the file that the result does not have, by name. */
  left_out: ["what"],
  /** The graphics card failed, and the processor did it. */
  without_graphics: [],
} as const satisfies Record<string, readonly string[]>;

/** A note with the values that its key has. */
export function note<Key extends keyof typeof NOTES>(
  key: Key, values: Readonly<Record<(typeof NOTES)[Key][number], string | number>>,
): Note {
  return { key, values: { ...values } };
}
