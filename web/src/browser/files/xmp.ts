/** The XMP packet of a photo whose pixels are made upright: text, of which little is looked at. */
import { type Bytes, latin, ofLatin } from "./bytes.ts";

/** The same packet, of the same length, that says that the photo is upright, and that no video is behind it. */
export function uprightXmp(packet: Bytes): Bytes {
  const text = latin(packet);
  const upright = text
    .replace(/(tiff:Orientation\s*=\s*["'])[1-8](["'])/g, "$11$2")
    .replace(/(<tiff:Orientation>\s*)[1-8](\s*<\/tiff:Orientation>)/g, "$11$2")
    .replace(/(:(?:MotionPhoto|MicroVideo)\s*=\s*["'])1(["'])/g, "$10$2")
    .replace(/(<\w+:(?:MotionPhoto|MicroVideo)>\s*)1(\s*<)/g, "$10$2");
  return upright === text ? packet : ofLatin(upright);
}
