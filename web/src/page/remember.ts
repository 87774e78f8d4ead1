/** Choices that outlive a reload. Where the browser forbids storing them, they last as long as the page. */

const PREFIX = "darklift.";
const here = new Map<string, string>();

export function remember(name: string, value: unknown): void {
  const text = JSON.stringify(value);
  here.set(name, text);
  try {
    localStorage.setItem(PREFIX + name, text);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error; // forbidden or full: it stays in `here`
  }
}

/** What was remembered, or undefined; it may be of an older version of the page, so check it. */
export function recall(name: string): unknown {
  const text = here.get(name) ?? stored(PREFIX + name);
  if (text === null) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // written by something else
    throw error;
  }
}

function stored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch (error) {
    if (error instanceof DOMException) return null; // forbidden
    throw error;
  }
}
