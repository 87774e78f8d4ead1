/**
 * Builds the page's site into src/darklift/web/site: all but the models, which lie in src/darklift/weights and are added
 * when a site is exported. The same sources give the same bytes on any machine: so compression is JavaScript's own, too.
 *
 * node build.mjs [FOLDER]
 */
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { gzipSync } from "fflate";

const HERE = import.meta.dirname;
const SITE = process.argv[2] ?? join(HERE, "../src/darklift/web/site");
const ORT = join(HERE, "node_modules/onnxruntime-web/dist");
const JPEG = join(HERE, "node_modules/@jsquash/jpeg/codec/enc");
const PAGE = join(HERE, "src/page");

const SCRIPT = {
  bundle: true,
  minify: true,
  format: "iife", // classic scripts: a page opened from disk may load no others
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
  absWorkingDir: HERE,
};

/** A bundled script, or what goes with it, by the file's ending. */
async function bundled(entry, ending = ".js", options = {}) {
  const { outputFiles } = await build({ ...SCRIPT, entryPoints: [entry], outdir: "unwritten", write: false, ...options });
  return outputFiles.find(({ path }) => path.endsWith(ending)).contents;
}

function compressed(bytes) {
  return gzipSync(bytes, { level: 9, mtime: 0 });
}

/** Files as a script that hands them over (src/browser/packs.ts). */
async function writePack(name, files) {
  const texts = Object.entries(files).map(([file, bytes]) => [file, Buffer.from(compressed(bytes)).toString("base64")]);
  const script = `darkliftPack(${JSON.stringify(name)},${JSON.stringify(Object.fromEntries(texts))});\n`;
  await writeFile(join(SITE, "packs", `${name}.js`), script);
}

/** The worker, with one of the runtime's builds in it. */
async function workerScript(runtime) {
  return bundled("src/browser/worker.ts", ".js", {
    alias: { "onnxruntime-web/wasm": runtime },
    // it is started from a blob, where the runtime starts its threads from, too
    banner: { js: "var scriptUrl=self.location.href;" },
    define: { "import.meta.url": "scriptUrl" },
    external: ["node:*", "fs", "path", "module", "worker_threads", "perf_hooks", "os"],
  });
}

/** What those ask for whose code is in the page. */
async function licences() {
  const files = ["licences.txt", ...["client-zip/LICENSE.txt", "@jsquash/jpeg/LICENSE", "@jsquash/jpeg/codec/LICENSE.codec.md"].map(
    (file) => join("node_modules", file),
  )];
  const texts = await Promise.all(files.map((file) => readFile(join(HERE, file), "utf8")));
  return files.map((file, i) => (i ? `\n\n== ${file.replace("node_modules/", "")} ==\n\n${texts[i]}` : texts[i])).join("");
}

await rm(SITE, { recursive: true, force: true });
await mkdir(join(SITE, "packs"), { recursive: true });
await cp(join(PAGE, "public"), SITE, { recursive: true });
await cp(join(HERE, "../examples/night.jpg"), join(SITE, "night.jpg"));
await cp(join(PAGE, "index.html"), join(SITE, "index.html"));
await writeFile(join(SITE, "main.js"), await bundled("src/page/main.ts"));
await writeFile(join(SITE, "main.css"), await bundled("src/page/main.ts", ".css"));
await writeFile(join(SITE, "service_worker.js"), await bundled("src/browser/service_worker.ts"));
await writeFile(join(SITE, "licences.txt"), await licences());
await writePack("worker", { "worker.js": await workerScript("onnxruntime-web/wasm") });
await writePack("graphics", { "worker.js": await workerScript("onnxruntime-web/webgpu") });
await writePack("runtime", { "runtime.wasm": await readFile(join(ORT, "ort-wasm-simd-threaded.wasm")) });
await writeFile(
  join(SITE, "packs/graphics.bin"), compressed(await readFile(join(ORT, "ort-wasm-simd-threaded.asyncify.wasm"))),
);
await writePack("jpeg", { "jpeg.wasm": await readFile(join(JPEG, "mozjpeg_enc.wasm")) });
