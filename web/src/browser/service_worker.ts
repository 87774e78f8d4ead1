/**
 * Keeps the site for times without a network, and answers with it: from what is kept first, so that a site works the same
 * whether its host can be reached or not. `kept.js` beside it lists the files with a fingerprint of them all; with
 * another fingerprint, all are fetched anew, and the old ones go. Whatever else lies on the same host is none of its
 * business: neither other pages below this one, nor what another export keeps.
 *
 * Its answers carry the headers of an isolated page, which let the runtime use several threads on any host: from the
 * second visit on.
 */
declare function importScripts(...urls: string[]): void;

importScripts("kept.js");

const scope = self as unknown as ServiceWorkerGlobalScope & {
  darkliftKept: { version: string; files: string[]; later: string[] };
};
const { version, files, later } = scope.darkliftKept;
const PREFIX = `darklift ${scope.registration.scope} `;
const NAME = `${PREFIX}${version}`;
const OURS = new Set([...files, ...later].map((file) => new URL(file, scope.registration.scope).href));

scope.addEventListener("install", (event) => event.waitUntil(keep()));
scope.addEventListener("activate", (event) => event.waitUntil(forgetOthers()));
scope.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && OURS.has(url.split(/[?#]/)[0])) event.respondWith(answer(event.request));
});

async function keep(): Promise<void> {
  const cache = await caches.open(NAME);
  await cache.addAll(files.map((file) => new Request(file, { cache: "no-cache" })));
  await scope.skipWaiting();
}

async function forgetOthers(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(PREFIX) && name !== NAME).map((name) => caches.delete(name)));
}

async function answer(request: Request): Promise<Response> {
  const cache = await caches.open(NAME);
  const kept = await cache.match(request, { ignoreSearch: true });
  if (kept) return isolated(kept);
  const fetched = await fetch(request);
  if (fetched.ok) await cache.put(request, fetched.clone());
  return isolated(fetched);
}

/** The same answer, with which a page is isolated: nothing of other hosts is ever in it. */
function isolated(answer: Response): Response {
  if (answer.type === "opaque" || answer.type === "opaqueredirect" || answer.redirected) return answer;
  const headers = new Headers(answer.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  const { status, statusText } = answer;
  return new Response(answer.body, { status, statusText, headers });
}
