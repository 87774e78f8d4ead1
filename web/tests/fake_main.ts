/** The page on the fake studio. `window.fake` is for tests. */
import "../src/page/styles/page.css";
import { startPage } from "../src/page/page.ts";
import { fake, FakeStudio } from "./fake_studio.ts";

Object.assign(globalThis, { fake });
void startPage(new FakeStudio());
