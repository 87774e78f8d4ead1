/** What an ICC profile (ICC.1:2022) calls itself. */
import { type Bytes, has, latin, u16, u32 } from "./bytes.ts";

/** Its description, such as "Display P3"; "unknown" where it has none. */
export function profileName(profile: Bytes): string {
  const count = Math.min(u32(profile, 128) || 0, 100);
  for (let i = 0; i < count; i++) {
    const entry = 132 + 12 * i;
    if (!has(profile, entry, "desc")) continue;
    const at = u32(profile, entry + 4), tag = profile.subarray(at, at + u32(profile, entry + 8)) as Bytes;
    const name = has(tag, 0, "mluc") ? unicode(tag) : latin(tag.subarray(12, 12 + u32(tag, 8)) as Bytes);
    return name.replace(/\0/g, "").trim() || "unknown";
  }
  return "unknown";
}

/** The first of the names in several languages. */
function unicode(tag: Bytes): string {
  const length = u32(tag, 20), start = u32(tag, 24);
  let name = "";
  for (let at = start; at + 1 < Math.min(start + length, tag.length); at += 2) name += String.fromCharCode(u16(tag, at));
  return name;
}

/** Whether pixels under this profile are sRGB as they are. */
export function isSrgb(profile: Bytes): boolean {
  return /^(sRGB|c2$)/i.test(profileName(profile));
}
