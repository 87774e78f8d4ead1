/** What results are called. */

/** night.jpg gives night_enhanced.jpg. extension: of the result, with the dot. */
export function resultName(name: string, extension: string): string {
  return `${stemOf(name)}_enhanced${extension}`;
}

/** The extension with its dot, as the file has it; the one given where it has none. */
export function extensionOf(name: string, otherwise: string): string {
  const stem = stemOf(name);
  return stem.length < name.length ? name.slice(stem.length) : otherwise;
}

function stemOf(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot > 0 ? name.slice(0, dot) : name;
}
