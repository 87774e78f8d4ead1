/** Fingers, mouse, wheel and keys on the stage. */
import { find } from "../find.ts";
import { say } from "../texts.ts";
import type { Stage } from "./stage.ts";

interface Place {
  x: number;
  y: number;
}

const TAP = { milliseconds: 320, pixels: 24 };

/** Drag to move the photo, or the divider where all of the photo is in view; pinch, wheel and two taps to zoom. */
export function takeGestures(stage: Stage): void {
  const fingers = new Map<number, Place>();
  let start: Place | null = null; // of a drag that has not left its place yet
  let tapped = { time: 0, x: 0, y: 0 };

  stage.box.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    stage.box.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, placeOf(event));
    start = fingers.size === 1 ? placeOf(event) : null;
  });
  stage.box.addEventListener("pointermove", (event) => {
    const last = fingers.get(event.pointerId);
    if (!last) return;
    const now = placeOf(event);
    if (fingers.size === 2) pinch(fingers, event.pointerId, last, now);
    else if (start && distance(start, now) < 4) return;
    else if (stage.canMove) stage.move(now.x - last.x, now.y - last.y);
    else if (stage.divides) stage.split = stage.shareAt(now.x);
    start = null;
    fingers.set(event.pointerId, now);
  });
  const lift = (event: PointerEvent) => {
    const place = fingers.get(event.pointerId);
    fingers.delete(event.pointerId);
    if (!place || !start || event.type !== "pointerup") return;
    const again = event.timeStamp - tapped.time < TAP.milliseconds && distance(tapped, place) < TAP.pixels;
    if (again) stage.toggle(place.x, place.y);
    tapped = again ? { time: 0, x: 0, y: 0 } : { time: event.timeStamp, ...place };
  };
  stage.box.addEventListener("pointerup", lift);
  stage.box.addEventListener("pointercancel", lift);
  find("stage").addEventListener("wheel", (event) => {
    event.preventDefault();
    const pixels = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY * 16 : event.deltaY;
    stage.zoom(stage.scale * Math.exp(-pixels * (event.ctrlKey ? 0.01 : 0.002)), ...point(event));
  }, { passive: false });
  stage.box.addEventListener("keydown", (event) => {
    const far = event.shiftKey ? 200 : 40;
    const way = ({ ArrowLeft: [far, 0], ArrowRight: [-far, 0], ArrowUp: [0, far], ArrowDown: [0, -far] } as
      Record<string, [number, number] | undefined>)[event.key];
    if (!way || !stage.canMove) return;
    event.preventDefault();
    stage.move(...way);
  });

  function pinch(all: Map<number, Place>, id: number, last: Place, now: Place): void {
    const other = [...all].find(([key]) => key !== id)![1];
    const [middle, before] = [between(other, now), between(other, last)];
    stage.move(middle.x - before.x, middle.y - before.y);
    stage.zoom(stage.scale * distance(other, now) / (distance(other, last) || 1), middle.x, middle.y);
  }

  function placeOf(event: MouseEvent): Place {
    const { left, top } = stage.box.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  function point(event: MouseEvent): [number, number] {
    const { x, y } = placeOf(event);
    return [x, y];
  }
}

function distance(one: Place, other: Place): number {
  return Math.hypot(one.x - other.x, one.y - other.y);
}

function between(one: Place, other: Place): Place {
  return { x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 };
}

/** The line between before and after: a slider for finger, mouse, keyboard and screen reader. */
export function makeDivider(stage: Stage): void {
  const divider = find("divider");
  const over = find("over");
  const tags = { before: find("tag-before"), after: find("tag-after") };
  let held: number | null = null;

  divider.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    divider.setPointerCapture(event.pointerId);
    const { left, width } = stage.visible;
    held = event.clientX - stage.box.getBoundingClientRect().left - left - stage.split * width;
  });
  divider.addEventListener("pointermove", (event) => {
    if (held === null) return;
    stage.split = stage.shareAt(event.clientX - stage.box.getBoundingClientRect().left - held);
  });
  for (const end of ["pointerup", "pointercancel"]) divider.addEventListener(end, () => (held = null));
  divider.addEventListener("keydown", (event) => {
    const far = event.shiftKey ? 0.1 : 0.02;
    const to = ({
      ArrowLeft: stage.split - far, ArrowDown: stage.split - far, ArrowRight: stage.split + far,
      ArrowUp: stage.split + far, PageDown: stage.split - 0.1, PageUp: stage.split + 0.1, Home: 0, End: 1,
    } as Record<string, number | undefined>)[event.key];
    if (to === undefined) return;
    event.preventDefault();
    stage.split = to;
  });

  stage.onSplit = () => {
    const { left, top, width, height } = stage.visible;
    over.hidden = width === 0;
    for (const [name, value] of Object.entries({ left, top, width, height, split: stage.split * width })) {
      over.style.setProperty(`--${name}`, `${value}px`);
    }
    divider.hidden = !stage.divides;
    const percent = Math.round(stage.split * 100);
    divider.setAttribute("aria-valuenow", String(percent));
    divider.setAttribute("aria-valuetext", say("compare.value", { percent: 100 - percent }));
    tags.before.classList.toggle("away", stage.divides && stage.split < 0.12);
    tags.after.classList.toggle("away", !stage.divides || stage.split > 0.88);
  };
}
