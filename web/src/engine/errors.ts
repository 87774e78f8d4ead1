/** Everything the engine raises on purpose, by the names that Python's darklift has for it. */

/** Base of the others. */
export class DarkliftError extends Error {}

/** The request itself is wrong: a value out of range, a name that is none. */
export class UsageError extends DarkliftError {}

/** A picture cannot be worked on. */
export class ImageError extends DarkliftError {}

/** A model is damaged, of another kind, or cannot be run here. */
export class ModelError extends DarkliftError {}
