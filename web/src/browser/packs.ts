/**
 * Packs: what the page needs besides its script (the worker, the runtime, the models), as classic scripts that hand over
 * compressed bytes. A script is all that a page opened from disk may load; over HTTP the same ones are used.
 */

/** The files of a pack by name: base64 of gzip each. */
export type Packed = Readonly<Record<string, string>>;

declare global {
  /** What a pack's script calls. */
  var darkliftPack: ((name: string, files: Packed) => void) | undefined;
}

const arrived = new Map<string, Packed>();

/** Load a pack from beside the page, `packs/NAME.js`, once. Rejects where it is not there. */
export async function loadPack(name: string): Promise<Packed> {
  globalThis.darkliftPack = (arriving, files) => void arrived.set(arriving, files);
  const known = arrived.get(name);
  if (known) return known;
  const script = document.createElement("script");
  script.src = `packs/${name}.js`;
  await new Promise<void>((resolve, reject) => {
    script.onload = () => resolve();
    script.onerror = () => reject(new Error(`cannot load ${script.src}: the site is incomplete, or this device offline`));
    document.head.append(script);
  });
  script.remove();
  const files = arrived.get(name);
  if (!files) throw new Error(`${script.src} holds no pack ${name}: export the site again`);
  return files;
}

/** The bytes of a file of a pack. */
export async function unpack(files: Packed, name: string): Promise<Uint8Array<ArrayBuffer>> {
  if (!(name in files)) throw new Error(`a pack has no ${name}: export the site again`);
  const stream = new Blob([bytesOf(files[name])]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
