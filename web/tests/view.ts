/** Where a photo lies on the canvas, for tests: after each of a row of moves. */
import { fit, movable, moved, stepped, zoomed, type Size } from "../src/page/stage/view.ts";

interface Request {
  photo: Size;
  canvas: Size;
  moves: ["zoom" | "move", ...number[]][];
}

export function answer(requests: Request[]): unknown {
  return requests.map(({ photo, canvas, moves }) => {
    const views = [fit(photo, canvas)];
    for (const [kind, one, two, three] of moves) {
      const last = views[views.length - 1];
      views.push(kind === "move" ? moved(last, one, two, photo, canvas) : zoomed(last, one, two, three, photo, canvas));
    }
    return views.map((view) => ({
      ...view, movable: movable(view, photo, canvas), less: stepped(view.scale, false), more: stepped(view.scale, true),
    }));
  });
}
