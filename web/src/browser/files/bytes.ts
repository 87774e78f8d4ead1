/** Bytes of files: numbers, texts and pieces. */

export type Bytes = Uint8Array<ArrayBuffer>;

export function u16(bytes: Bytes, at: number, little = false): number {
  return little ? bytes[at] | (bytes[at + 1] << 8) : (bytes[at] << 8) | bytes[at + 1];
}

export function u32(bytes: Bytes, at: number, little = false): number {
  const [high, low] = little ? [u16(bytes, at + 2, true), u16(bytes, at, true)] : [u16(bytes, at), u16(bytes, at + 2)];
  return high * 0x10000 + low;
}

export function put16(bytes: Bytes, at: number, value: number, little = false): void {
  new DataView(bytes.buffer, bytes.byteOffset).setUint16(at, value, little);
}

export function put32(bytes: Bytes, at: number, value: number, little = false): void {
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, value, little);
}

/** Whether the bytes have this text (Latin-1) there. */
export function has(bytes: Bytes, at: number, text: string): boolean {
  return at + text.length <= bytes.length && latin(bytes.subarray(at, at + text.length)) === text;
}

export function latin(bytes: Bytes): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return text;
}

export function ofLatin(text: string): Bytes {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

export function joined(...parts: readonly Bytes[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Through one of the browser's compressors or decompressors. Rejects for damaged data. */
export async function through(bytes: Bytes, stream: CompressionStream | DecompressionStream): Promise<Bytes> {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer());
}
