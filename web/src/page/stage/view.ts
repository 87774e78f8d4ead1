/** Where a photo lies on the canvas: pure arithmetic. Lengths are pixels of the canvas (of the screen, not of CSS). */

export interface Size {
  width: number;
  height: number;
}

/** A pixel (x, y) of the photo is drawn at (left + x · scale, top + y · scale). */
export interface View {
  scale: number;
  left: number;
  top: number;
}

const MOST = 16;
const MARGIN = 0.94;

/** Centred and whole; small photos are not drawn larger than twice their pixels. */
export function fit(photo: Size, canvas: Size): View {
  return centred(photo, canvas, fitScale(photo, canvas));
}

export function fitScale(photo: Size, canvas: Size): number {
  return Math.min(MARGIN * Math.min(canvas.width / photo.width, canvas.height / photo.height), 2);
}

export function centred(photo: Size, canvas: Size, scale: number): View {
  return { scale, left: (canvas.width - photo.width * scale) / 2, top: (canvas.height - photo.height * scale) / 2 };
}

/** Zooms to `scale` so that what is at (x, y) of the canvas stays there. */
export function zoomed(view: View, scale: number, x: number, y: number, photo: Size, canvas: Size): View {
  const least = Math.min(fitScale(photo, canvas), 1);
  const next = Math.max(least, Math.min(MOST, scale));
  const factor = next / view.scale;
  return held({ scale: next, left: x - (x - view.left) * factor, top: y - (y - view.top) * factor }, photo, canvas);
}

export function moved(view: View, dx: number, dy: number, photo: Size, canvas: Size): View {
  return held({ scale: view.scale, left: view.left + dx, top: view.top + dy }, photo, canvas);
}

/** Keeps a photo that is larger than the canvas over all of it, and centres a smaller one, each way by itself. */
export function held(view: View, photo: Size, canvas: Size): View {
  return {
    scale: view.scale,
    left: heldAlong(view.left, photo.width * view.scale, canvas.width),
    top: heldAlong(view.top, photo.height * view.scale, canvas.height),
  };
}

function heldAlong(start: number, length: number, room: number): number {
  return length <= room ? (room - length) / 2 : Math.min(0, Math.max(room - length, start));
}

/** The next scale in a row of round ones. */
export function stepped(scale: number, up: boolean): number {
  const exponent = Math.log2(scale) * 2;
  const next = up ? Math.floor(exponent + 1.001) : Math.ceil(exponent - 1.001);
  return 2 ** (next / 2);
}

/** Whether there is anything beyond the canvas to move to. */
export function movable(view: View, photo: Size, canvas: Size): boolean {
  return photo.width * view.scale > canvas.width + 1 || photo.height * view.scale > canvas.height + 1;
}
